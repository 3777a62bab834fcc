"""Move facts from the event log into the store.

Owns step 1 of the learner's tick. Each batch, its cursors and its damages are one
transaction; a segment is deleted only after that.
"""

import msgspec

from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent, encode_event
from bandit_svc.domain.events.record import LINE
from bandit_svc.domain.experiment import RewardDefinition
from bandit_svc.errors import BanditError
from bandit_svc.eventlog.interface import Batch, EventLogReader, Record
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.storage.interface import Facts
from bandit_svc.storage.rows import Arrival, ClosingRule, Cursors, FoundDamages

# Small enough that the largest batch after an outage does not raise the learner's
# memory for good, large enough that commits don't dominate.
READ_BYTES = 524_288


class Ingested(msgspec.Struct):
    """The work of one call; counts by (experiment number, name).

    `unreadable` counts facts that were set aside, `damages` names those that are lost.
    `faults` has a sentence for each partition that could not be read: it waits.
    """

    counts: dict[tuple[int, str], int] = {}
    records: int = 0
    unreadable: int = 0
    torn: int = 0
    damages: list[Damage] = []
    faults: list[str] = []


def ingest(
    facts: Facts,
    reader: EventLogReader,
    decoder: FactDecoder,
    definitions: Definitions,
    now_ms: int,
) -> Ingested:
    """Read all that was acknowledged before the call, and keep it.

    What is appended meanwhile may be left for the next call; what was there at
    the start is in the store when this returns, so that a decision which closed
    before the call can be joined with all of its rewards. Damages are kept with the
    time `now_ms`.
    """
    done = Ingested()
    source = _Source(reader, decoder, _Rules(definitions), done)
    partitions = reader.partitions()
    cursors = {p: c for p, c in facts.cursors().items() if p in partitions}
    ends = source.ends(partitions)
    while True:
        arrivals, moved, damages = source.next_batches(cursors, ends)
        if not moved:
            break
        outcome = facts.ingest(arrivals, moved, FoundDamages(damages, now_ms))
        cursors.update(moved)
        done.records += len(arrivals)
        done.unreadable += outcome.unreadable
        done.damages += damages
        for key, count in outcome.counts.items():
            done.counts[key] = done.counts.get(key, 0) + count
    for partition in ends:
        if reader.release(partition, cursors.get(partition, START)):
            facts.forget_partition(partition)
    return done


class _Source:
    """Reads partitions as arrivals; one that can't be read stops only itself."""

    def __init__(
        self,
        reader: EventLogReader,
        decoder: FactDecoder,
        rules: "_Rules",
        done: Ingested,
    ) -> None:
        self._reader = reader
        self._decoder = decoder
        self._rules = rules
        self._done = done

    def ends(self, partitions: list[str]) -> dict[str, Cursor]:
        """Return where each partition ends that can be read."""
        found: dict[str, Cursor] = {}
        for partition in partitions:
            try:
                found[partition] = self._reader.end(partition)
            except BanditError as error:
                self._blame(partition, error)
        return found

    def next_batches(
        self, cursors: Cursors, ends: dict[str, Cursor]
    ) -> tuple[list[Arrival], Cursors, list[Damage]]:
        """Read one batch of each partition that has not reached its end."""
        arrivals: list[Arrival] = []
        moved: Cursors = {}
        damages: list[Damage] = []
        for partition, end in list(ends.items()):
            cursor = cursors.get(partition, START)
            if cursor >= end:
                continue
            try:
                batch = self._reader.read(partition, cursor, READ_BYTES)
            except BanditError as error:
                self._blame(partition, error)
                del ends[partition]
                continue
            if batch.cursor == cursor:
                continue
            self._done.torn += batch.torn
            arrivals.extend([self._arrival(record, batch) for record in batch.records])
            moved[partition] = batch.cursor
            damages += batch.damages
        return arrivals, moved, damages

    def _blame(self, partition: str, error: BanditError) -> None:
        self._done.faults.append(
            f"partition {partition} of the event log waits: {error.message}"
        )

    def _arrival(self, record: Record, batch: Batch) -> Arrival:
        try:
            event = self._decoder.decode_unparsed(record, batch.parts)
        except UnreadableEvent:
            return Arrival(record.payload, None)
        line = record.payload
        if not isinstance(event, Decision):
            return Arrival(line, event)
        rule = self._rules.of(event.number, event.revision)
        if record.kind != LINE:
            line = encode_event(event)
        if rule is None:
            # A decision of an experiment that this store never had: set aside.
            return Arrival(line, None)
        return Arrival(line, event, rule)


class _Rules:
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
                rule = self._known[number, revision] = _rule(definition.reward)
        return rule


def _rule(reward: RewardDefinition) -> ClosingRule:
    return ClosingRule(
        closes_after_ms=reward.closes_after_ms,
        window_ms=reward.window_ms,
        on_first_reward=reward.closes_at_first_reward,
    )
