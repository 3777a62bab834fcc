"""Find what became of the rewards of one reward_id.

Owns the order of looking: the store, then the part of the event log that it does not
have yet, then the store again, since the learner may have moved them meanwhile.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from bandit_svc.domain.events.codec import Fact, FactDecoder, may_name_reward
from bandit_svc.domain.events.cursor import START
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.people.unit_fact import UnitEvent, UnitReward
from bandit_svc.errors import FieldError, NotFound
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.storage.credits import ReportedReward, Source
from bandit_svc.storage.interface import Storage

MOST_REWARDS = 1_000


class KnownReward(NamedTuple):
    """A reward of one experiment, and what became of it."""

    decision_id: str | None
    number: int
    metric: str
    value: float
    status: Literal["accepted", "late", "quarantined", "corrected"]
    source: Source


def look_up_reward(
    storage: Storage,
    reader: EventLogReader,
    decoder: FactDecoder,
    reward_id: str,
    *,
    of_units: bool = False,
) -> list[KnownReward]:
    """Return the rewards of an id, at most 1,000.

    Args:
        storage: of the worker, as the others.
        reader: of the log.
        decoder: of its records.
        reward_id: the id.
        of_units: only those whose report named a unit; much faster in a large store.

    Raises:
        NotFound: neither the store nor the log has one.
        LogUnreadable: a part of the log can't be read now.
    """
    found = _stored(storage, reward_id, of_units=of_units)
    if not found:
        on_its_way = _in_log(storage, reader, decoder, reward_id)
        found = [o for o in on_its_way if o.source != "decision" or not of_units]
        found = _stored(storage, reward_id, of_units=of_units) or found
    if not found:
        detail = "there is no reward of this reward_id; it may have been pruned"
        raise NotFound(detail, FieldError("/reward_id", detail))
    return found


def _stored(storage: Storage, reward_id: str, *, of_units: bool) -> list[KnownReward]:
    rewards = storage.credits.rewards(reward_id, MOST_REWARDS, of_units=of_units)
    return [_known(one) for one in rewards]


def _known(one: ReportedReward) -> KnownReward:
    status: Literal["accepted", "late", "quarantined", "corrected"] = "accepted"
    if one.decision_id is None:
        status = "quarantined"
    elif one.late:
        status = "late"
    elif one.value != one.first_value:
        status = "corrected"
    return KnownReward(
        one.decision_id, one.number, one.metric, one.value, status, one.source
    )


def _in_log(
    storage: Storage, reader: EventLogReader, decoder: FactDecoder, reward_id: str
) -> Iterator[KnownReward]:
    cursors = storage.facts.cursors()
    for partition in reader.partitions():
        cursor = cursors.get(partition, START)
        while True:
            batch = reader.read(partition, cursor)
            for record in batch.records:
                if not may_name_reward(record, reward_id):
                    continue
                try:
                    fact = decoder.decode(record, batch.parts)
                except UnreadableEvent:
                    continue
                yield from _of_fact(fact, reward_id)
            if batch.cursor == cursor:
                break
            cursor = batch.cursor


def _of_fact(fact: Fact, reward_id: str) -> Iterator[KnownReward]:
    """Yield what a fact on its way to the store says of a reward."""
    if isinstance(fact, Reward) and fact.reward_id == reward_id:
        yield KnownReward(
            fact.decision_id,
            fact.number,
            fact.metric,
            fact.value,
            "accepted",
            "decision",
        )
    elif isinstance(fact, UnitReward) and fact.reward_id == reward_id:
        for number, worth in fact.rewards.items():
            yield KnownReward(
                None, number, fact.metric, worth.value, "accepted", "unit"
            )
    elif isinstance(fact, UnitEvent) and fact.fact_id == reward_id:
        for number, worth in fact.rewards.items():
            yield KnownReward(
                None, number, MAIN_METRIC, worth.value, "accepted", "event"
            )
