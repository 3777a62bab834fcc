"""Decode the records of a batch, and set aside those that can't be read.

Owns what is wrong with a record whose bytes are sound, and the damage that it becomes:
one for each kind and batch, however many records it holds.
"""

from collections import defaultdict
from collections.abc import Sequence
from zlib import crc32

from bandit_svc.domain.apprentice.mode import LIVE
from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.damage import IN_STREAM, Damage, DamageKind
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.record import LINE
from bandit_svc.domain.experiment import Definition
from bandit_svc.eventlog.interface import Batch, EventLogReader, Record
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.stream.standing import Standing
from bandit_svc.storage.rows import Arrival, ClosingRule

# Small enough that the largest batch after an outage does not raise the learner's
# memory for good, large enough that commits don't dominate.
READ_BYTES = 524_288
_BETWEEN_RECORDS = b"\n"


class _UnknownExperiment(UnreadableEvent):
    """A decision of an experiment or a revision that the store never had."""


class Arrivals:
    """Reads batches of a log as what the store keeps of them.

    Attributes:
        kept: the facts of all batches so far.
        damages: what was lost or set aside in them.
        remains: the bytes of damages, where there are any.
        torn: last records of dead writers that were cut short.
    """

    def __init__(
        self,
        reader: EventLogReader,
        decoder: FactDecoder,
        rules: "Rules",
        standing: Standing,
    ) -> None:
        self._reader = reader
        self._standing = standing
        self._decoder = decoder
        self._rules = rules
        self.kept: list[Arrival] = []
        self.damages: list[Damage] = []
        self.remains: dict[Damage, bytes] = {}
        self.torn = 0

    def read(self, partition: str, after: Cursor) -> Cursor:
        """Add the next batch of a partition; return the cursor behind it.

        Raises:
            Unavailable: it can't be read; nothing is added.
        """
        batch = self._reader.read(partition, after, READ_BYTES)
        if batch.cursor == after:
            return after
        kept: list[Arrival] = []
        aside: defaultdict[DamageKind, list[tuple[int, Record]]] = defaultdict(list)
        for source, records in self._standing.new_records(partition, batch):
            number = crc32(source.encode())
            for index, record in enumerate(records):
                try:
                    kept.append(self._arrival(record, batch, number))
                except _UnknownExperiment:
                    aside["unknown experiment"].append((index, record))
                except UnreadableEvent:
                    aside["unreadable"].append((index, record))
        remains = dict(batch.remains)
        for what, found in aside.items():
            content = [record.payload for _, record in found]
            damage = self._set_aside(partition, after, what, found)
            remains[damage] = _BETWEEN_RECORDS.join(content)
        self.kept += kept
        self.damages += [*batch.damages, *(d for d in remains if d.what in aside)]
        self.remains |= remains
        self.torn += batch.torn
        return batch.cursor

    def _set_aside(
        self,
        partition: str,
        after: Cursor,
        what: DamageKind,
        found: Sequence[tuple[int, Record]],
    ) -> Damage:
        """Return the damage of records that can't be read."""
        index, first = found[0]
        size = sum(len(record.payload) for _, record in found)
        number, begin = IN_STREAM, after
        if not self._reader.is_stream:
            number = 1 if first.kind == LINE else 2
            begin = self._place(partition, after, index)
        return Damage(
            partition,
            segment=begin.segment,
            offset=begin.offset,
            facts=len(found),
            bytes=size,
            what=what,
            format=number,
        )

    def _arrival(self, record: Record, batch: Batch, source: int) -> Arrival:
        event = self._decoder.decode_unparsed(record, batch.parts)
        if not isinstance(event, Decision):
            return Arrival(record.payload, event, source=source)
        rule = self._rules.of(event.number, event.revision)
        if rule is None:
            raise _UnknownExperiment
        parts = None if record.kind == LINE else batch.parts
        return Arrival(record.payload, event, rule, parts)

    def _place(self, partition: str, after: Cursor, index: int) -> Cursor:
        """Return where a record of a batch begins, or what it needs before it.

        The log does not name the place of each record, so it is read again, in
        smaller and smaller steps.
        """
        size = READ_BYTES
        while True:
            batch = self._reader.read(partition, after, size)
            if len(batch.records) <= index and batch.cursor != after:
                index -= len(batch.records)
                after = batch.cursor
            elif size > 1:
                size //= 2
            else:
                return after


class Rules:
    """Closing rules by experiment number and revision, for one call."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._known: dict[tuple[int, int], ClosingRule] = {}

    def of(self, number: int, revision: int) -> ClosingRule | None:
        """Return the closing rule of a revision, None if the store never had it."""
        rule = self._known.get((number, revision))
        if rule is None:
            definition = self._definitions.at(number, revision)
            if definition is not None:
                rule = self._known[number, revision] = _rule(definition)
        return rule


def _rule(definition: Definition) -> ClosingRule:
    reward = definition.reward
    return ClosingRule(
        closes_after_ms=reward.closes_after_ms,
        window_ms=reward.window_ms,
        on_first_reward=reward.closes_at_first_reward,
        # What the caller's own system shows is its own to keep.
        sticky=definition.sticky is not None and definition.mode == LIVE,
        credit=reward.credit_rule,
        expose_within_ms=definition.expose_within_ms,
    )
