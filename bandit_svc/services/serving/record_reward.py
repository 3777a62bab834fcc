"""Record that a reward was reported, or that it has another value than was reported.

Owns the checks on a reward and its append. Whether it counts is decided when
its decision closes (domain.events.attribution).
"""

import math
from typing import Literal, NamedTuple

import msgspec

from bandit_svc.domain.events.codec import (
    encode_activation,
    encode_correction,
    encode_reward,
)
from bandit_svc.domain.events.decision import Activation
from bandit_svc.domain.events.decision_id import DecisionRef, split_slot
from bandit_svc.domain.events.reward import MAIN_METRIC, Correction, Reward
from bandit_svc.domain.experiment import MAX_REWARD, Experiment
from bandit_svc.domain.json_shape import check_length
from bandit_svc.domain.limits import DECISION_LIFETIME_MS
from bandit_svc.domain.metric import MAX_METRICS
from bandit_svc.domain.times import occurrence_ms
from bandit_svc.domain.variant import is_key
from bandit_svc.errors import FieldError, InvalidInput, NotFound
from bandit_svc.services.serving.limits.confirming import confirm_places
from bandit_svc.services.serving.ports import ServingPorts


class RewardReport(msgspec.Struct, frozen=True):
    """A reward as it is reported.

    Attributes:
        occurred_at_ms: when the user acted.
        correction: the value replaces that of a reward that was reported before.
    """

    decision_id: str
    value: float
    reward_id: str | None = None
    occurred_at_ms: int | None = None
    metric: str = MAIN_METRIC
    correction: bool = False


class Corrected(NamedTuple):
    """A correction as it was appended, and whether it changed anything."""

    correction: Correction
    status: Literal["corrected", "duplicate"]


def record_reward(
    ports: ServingPorts,
    report: RewardReport,
    now_ms: int,
) -> Reward:
    """Append a reward durably.

    Sending the same reward_id again is safe: the first one counts. Without one,
    a decision has one reward for each metric. A value outside the declared range is
    kept as it is and marked; the end of the range counts in its place. A deferred
    decision is activated by it.

    Raises:
        InvalidInput: the id was not issued here or is expired, the metric is not one
            of the experiment, or a field is out of its range; the pointer names it.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    ref = ports.ids.read(report.decision_id)
    check_not_expired(ref, now_ms)
    experiment = ports.catalog.by_number(ref.experiment_number)
    clipped = _is_clipped(ports, report, experiment)
    occurred_at_ms = occurrence_ms(report.occurred_at_ms, now_ms, "the user acted")
    # In the order of the struct, as names cost time.
    reward = Reward(
        report.decision_id,
        ref.experiment_number,
        report.value,
        _reward_id(report),
        occurred_at_ms,
        now_ms,
        report.metric,
        clipped,
    )
    if ref.deferred:
        # What was acted on was seen: the window begins by then, if it has not begun.
        shown_ms = max(min(occurred_at_ms, now_ms), ref.issued_at_ms or 0)
        decision_id, _ = split_slot(report.decision_id)
        shown = Activation(decision_id, ref.experiment_number, shown_ms)
        confirm_places(ports, experiment, decision_id, shown_ms)
        ports.log.append(encode_activation(shown))
    ports.log.append(encode_reward(reward))
    return reward


def correct_reward(
    ports: ServingPorts,
    report: RewardReport,
    now_ms: int,
) -> Corrected:
    """Append the new total of a reward durably.

    Sending the same total again is safe: the reward keeps it. What was learned from
    the reward follows in the learner.

    Raises:
        InvalidInput: as of `record_reward`.
        NotFound: no such reward is known; nothing was kept.
        LogUnreadable: it was not found, and may be in a part that can't be read now.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    ref = ports.ids.read(report.decision_id)
    check_not_expired(ref, now_ms)
    experiment = ports.catalog.by_number(ref.experiment_number)
    correction = Correction(
        decision_id=report.decision_id,
        number=ref.experiment_number,
        value=report.value,
        reward_id=_reward_id(report),
        occurred_at_ms=occurrence_ms(report.occurred_at_ms, now_ms, "it changed"),
        received_at_ms=now_ms,
        metric=report.metric,
        clipped=_is_clipped(ports, report, experiment),
    )
    known = ports.known_rewards.find(
        report.decision_id, report.metric, correction.reward_id
    )
    if known is None:
        pointer = "/decision_id" if report.reward_id is None else "/reward_id"
        detail = (
            "there is no reward of this decision_id, metric and reward_id to correct; "
            "report it first, without `correction`"
        )
        if ports.known_rewards.has_dropped(report.decision_id):
            detail = (
                "the store has dropped this decision, as it is older than keep_days; "
                "what its rewards came to stays as it is in the archive"
            )
        raise NotFound(detail, FieldError(pointer, detail))
    # Also where nothing changes: another worker may have been told another total.
    ports.log.append(encode_correction(correction))
    same = known.value == report.value
    return Corrected(correction, "duplicate" if same else "corrected")


def check_not_expired(ref: DecisionRef, now_ms: int) -> None:
    """Refuse an id whose decision may have been pruned.

    Raises:
        InvalidInput: it was issued over 90 days ago.
    """
    issued_at_ms = ref.issued_at_ms
    if issued_at_ms is not None and now_ms - issued_at_ms > DECISION_LIFETIME_MS:
        raise InvalidInput.at(
            "/decision_id",
            "the decision_id has expired: it was issued over "
            f"{DECISION_LIFETIME_MS // 86_400_000} days ago",
        )


def _is_clipped(
    ports: ServingPorts, report: RewardReport, experiment: Experiment
) -> bool:
    """Return whether the end of the declared range counts in the value's place.

    Raises:
        InvalidInput: the metric is not one of the experiment, or the value is no
            number that could count.
    """
    if not is_key(report.metric):
        raise InvalidInput.at(
            "/metric",
            "the metric must be 1 to 128 letters, digits, '.', '_' or '-'",
        )
    _check_metric(ports, report.metric, experiment)
    counted = experiment.definition.clip(report.metric, report.value)
    if not (math.isfinite(report.value) and abs(counted) <= MAX_REWARD):
        raise InvalidInput.at(
            "/value",
            f"value is {report.value:g}; a metric without a declared range takes "
            f"numbers between {-MAX_REWARD:g} and {MAX_REWARD:g}",
        )
    return counted != report.value


def _check_metric(ports: ServingPorts, name: str, experiment: Experiment) -> None:
    """Refuse a name that is not declared, or is one too many where none is."""
    declared = experiment.definition.metrics
    if name == MAIN_METRIC or any(metric.name == name for metric in declared):
        return
    if declared:
        names = ", ".join(repr(metric.name) for metric in declared)
        raise InvalidInput.at(
            "/metric",
            f"metric {name!r} is not declared; this experiment takes {MAIN_METRIC!r}, "
            f"{names}. Declare it by a PATCH of the experiment's `metrics`, or correct "
            "the name.",
        )
    if not ports.metric_names.admits(experiment.number, name):
        raise InvalidInput.at(
            "/metric",
            f"metric {name!r} is one name too many: an experiment that declares no "
            f"metrics takes the first {MAX_METRICS} names. Send one of those, or "
            "declare the ones you need by a PATCH of the experiment's `metrics`.",
        )


def _reward_id(report: RewardReport) -> str:
    if report.reward_id is None:
        return ""
    check_length("/reward_id", report.reward_id)
    return report.reward_id
