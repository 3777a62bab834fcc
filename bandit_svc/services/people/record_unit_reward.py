"""Record a reward that names a unit and no decision.

Owns the checks on it, its append, and what is known of it at once. Which decisions get
it is found by the learner.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.json_shape import check_length
from bandit_svc.domain.people.unit_fact import UnitReward, encode_unit_fact
from bandit_svc.domain.times import occurrence_ms
from bandit_svc.errors import FieldError, InvalidInput, NotFound
from bandit_svc.services.people.credit_values import credits_of_reward
from bandit_svc.services.people.erased import check_own_reward, is_erased
from bandit_svc.services.people.ports import PeoplePorts

UnitRewardStatus = Literal[
    "accepted", "duplicate", "conflict", "late", "quarantined", "corrected", "dropped"
]


class UnitRewardReport(msgspec.Struct, frozen=True):
    """A reward of a unit as it is reported.

    Attributes:
        event: only experiments that are rewarded by it get the reward.
        occurred_at_ms: when the unit acted.
        correction: the value replaces that of a reward that was reported before.
    """

    unit_id: str
    value: float
    reward_id: str | None = None
    event: str | None = None
    occurred_at_ms: int | None = None
    metric: str = MAIN_METRIC
    correction: bool = False


class RecordedUnitReward(NamedTuple):
    """The answer to a reward of a unit; `decision_id` where it has one already."""

    reward: UnitReward
    status: UnitRewardStatus
    decision_id: str | None
    clipped: bool


def record_unit_reward(
    ports: PeoplePorts,
    report: UnitRewardReport,
    experiments: Iterable[Experiment],
    all_is_stored: Callable[[], bool],
    now_ms: int,
) -> RecordedUnitReward:
    """Append a reward durably.

    Sending the same reward_id again is safe: the first one counts. A reward of a unit
    that denied consent is not kept: nothing may say what the unit did. Nor is one of
    before the erasure of the unit.

    Args:
        ports: of the worker.
        report: the reward.
        experiments: that may get it.
        all_is_stored: asked whether the store has the whole log, so that what it does
            not know is not there.
        now_ms: the time.

    Raises:
        InvalidInput: a field is out of its range; the pointer names it.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    reward = _checked(report, experiments, now_ms)
    state = ports.units.state(report.unit_id)
    denied = state is not None and state.consent == "denied"
    if denied or is_erased(ports, report.unit_id, reward.occurred_at_ms, now_ms):
        return RecordedUnitReward(reward, "dropped", None, _is_clipped(reward))
    status, decision_id = _known(ports, reward, report.value, all_is_stored)
    ports.log.append(encode_unit_fact(reward))
    return RecordedUnitReward(reward, status, decision_id, _is_clipped(reward))


def correct_unit_reward(
    ports: PeoplePorts,
    report: UnitRewardReport,
    experiments: Iterable[Experiment],
    known: Callable[[str], Mapping[int, float]],
    now_ms: int,
) -> RecordedUnitReward:
    """Append a new total of a reward durably, in every experiment that got it.

    Args:
        ports: of the worker.
        report: the new total.
        experiments: that may have got it.
        known: returns the value of a reward_id by experiment, wherever it is on its
            way.
        now_ms: the time.

    Raises:
        InvalidInput: as of `record_unit_reward`.
        NotFound: no such reward of a unit is known, or the unit was erased; nothing
            was kept.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    reward = _checked(report, experiments, now_ms)
    before = known(reward.reward_id)
    values = {n: worth for n, worth in reward.rewards.items() if n in before}
    if not values:
        detail = (
            "there is no reward of a unit of this reward_id and metric to correct; "
            "report it first, without `correction`"
        )
        raise NotFound(detail, FieldError("/reward_id", detail))
    check_own_reward(ports, report.unit_id, report.metric, reward.reward_id)
    reward = msgspec.structs.replace(reward, rewards=values)
    ports.log.append(encode_unit_fact(reward))
    same = all(before[number] == report.value for number in values)
    status: UnitRewardStatus = "duplicate" if same else "corrected"
    return RecordedUnitReward(reward, status, None, _is_clipped(reward))


def _checked(
    report: UnitRewardReport, experiments: Iterable[Experiment], now_ms: int
) -> UnitReward:
    """Return the fact of a report whose fields are within their limits.

    Raises:
        InvalidInput: with the pointer to the first one that is not.
    """
    if report.reward_id is None:
        raise InvalidInput.at(
            "/reward_id",
            "a reward of a unit needs a reward_id, by which it counts once; send one "
            "that your system has for it, such as the number of the order",
        )
    check_length("/reward_id", report.reward_id)
    if report.event is not None:
        check_length("/event", report.event)
    values = credits_of_reward(experiments, report.event, report.metric, report.value)
    return UnitReward(
        reward_id=report.reward_id,
        unit_id=report.unit_id,
        at_ms=now_ms,
        occurred_at_ms=occurrence_ms(report.occurred_at_ms, now_ms, "the unit acted"),
        rewards=values,
        metric=report.metric,
        correction=report.correction,
    )


def _is_clipped(reward: UnitReward) -> bool:
    return any(worth.clipped for worth in reward.rewards.values())


def _known(
    ports: PeoplePorts,
    reward: UnitReward,
    value: float,
    all_is_stored: Callable[[], bool],
) -> tuple[UnitRewardStatus, str | None]:
    """Return what the store says of a reward that is about to be kept."""
    numbers = list(reward.rewards)
    stored = ports.credits.reported_of_units(numbers, reward.metric, reward.reward_id)
    if len(stored) == len(numbers):
        decisions = {one.decision_id for one in stored if one.decision_id is not None}
        same = all(value in {one.value, one.first_value} for one in stored)
        return (
            "duplicate" if same else "conflict",
            decisions.pop() if len(decisions) == 1 else None,
        )
    found = _decisions_for(ports, reward)
    if not found:
        if not all_is_stored():
            return "accepted", None
        # The learner may have moved it between the two looks.
        found = _decisions_for(ports, reward)
    if not found:
        return "quarantined", None
    late = all(map(ports.credits.is_joined, found))
    return ("late" if late else "accepted"), None


def _decisions_for(ports: PeoplePorts, reward: UnitReward) -> list[str]:
    """Return the decisions that the store would credit with a reward now."""
    of = reward.unit_id, reward.occurred_at_ms, reward.at_ms
    return [
        decision
        for number in reward.rewards
        for decision in ports.credits.decisions_for(number, *of)
    ]
