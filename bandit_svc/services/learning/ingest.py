"""Move facts from the event log into the store.

Owns step 1 of the learner's tick. Each batch and its cursors are one
transaction; a segment is deleted only after that.
"""

import msgspec

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent, decode_event
from bandit_svc.domain.experiment import RewardDefinition
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.storage.interface import Facts
from bandit_svc.storage.rows import Arrival, ClosingRule, Cursors

# Small enough that the largest batch after an outage does not raise the learner's
# memory for good, large enough that commits don't dominate.
READ_BYTES = 524_288


class Ingested(msgspec.Struct):
    """The work of one call; counts by (experiment number, name)."""

    counts: dict[tuple[int, str], int] = {}
    records: int = 0
    unreadable: int = 0
    torn: int = 0


def ingest(facts: Facts, reader: EventLogReader, definitions: Definitions) -> Ingested:
    """Read all that was acknowledged before the call, and keep it.

    What is appended meanwhile may be left for the next call; what was there at
    the start is in the store when this returns, so that a decision which closed
    before the call can be joined with all of its rewards.
    """
    done = Ingested()
    rules = _Rules(definitions)
    ends = {partition: reader.end(partition) for partition in reader.partitions()}
    cursors = {
        partition: cursor
        for partition, cursor in facts.cursors().items()
        if partition in ends
    }
    while True:
        arrivals, moved, torn = _next_batches(reader, rules, cursors, ends)
        done.torn += torn
        if not moved:
            break
        outcome = facts.ingest(arrivals, moved)
        cursors.update(moved)
        done.records += len(arrivals)
        done.unreadable += outcome.unreadable
        for key, count in outcome.counts.items():
            done.counts[key] = done.counts.get(key, 0) + count
    for partition in ends:
        if reader.release(partition, cursors.get(partition, START)):
            facts.forget_partition(partition)
    return done


def _next_batches(
    reader: EventLogReader,
    rules: "_Rules",
    cursors: Cursors,
    ends: dict[str, Cursor],
) -> tuple[list[Arrival], Cursors, int]:
    """Read one batch of each partition that has not reached its end."""
    arrivals: list[Arrival] = []
    moved: Cursors = {}
    torn = 0
    for partition, end in ends.items():
        cursor = cursors.get(partition, START)
        if cursor >= end:
            continue
        batch = reader.read(partition, cursor, READ_BYTES)
        torn += batch.torn
        if batch.cursor == cursor:
            continue
        arrivals.extend([_arrival(record, rules) for record in batch.records])
        moved[partition] = batch.cursor
    return arrivals, moved, torn


def _arrival(record: bytes, rules: "_Rules") -> Arrival:
    try:
        event = decode_event(record)
    except UnreadableEvent:
        return Arrival(record, None)
    if not isinstance(event, Decision):
        return Arrival(record, event)
    rule = rules.of(event.number, event.revision)
    if rule is None:
        # A decision of an experiment that this store never had: set aside.
        return Arrival(record, None)
    return Arrival(record, event, rule)


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
