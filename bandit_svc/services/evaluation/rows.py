"""Rows of what other policies would have earned.

Owns the row of one policy in the contract's `policies`, and what a report reads for
it: sums that were kept, never the log. Every interval holds at every look, but only for
one policy: to pick the best of many, use services.evaluation.tune, which corrects for
their number. With learn_on first_reward all are refused: when a decision is evaluated
then depends on its reward.

`ips` and `snips` share one interval, which bounds the policy's value without a model.
`dr` has its own, which bounds the same value and is valid however wrong the model is.
`dm` has the interval of `dr`, widened to hold its own estimate: the correction in `dr`
is the only measure of how far the model is off.

For a policy that learns the value is the mean, over the decisions so far, of the value
that it had at each. `n` counts the matured decisions in which the policy could be
asked: of both groups each unit's first one, later ones of the treatment; those whose
weights are bounded, by an exploration floor or by the holdout; and for a fixed variant
those in which it was eligible. Decisions for which a policy that learns gave no valid
pmf are left out.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.ope.audit.diagnostics import refusal
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.registry import PROGRESSIVE
from bandit_svc.ope.interval import UNKNOWN, Estimate, Interval
from bandit_svc.ope.progressive.estimates import Look, looks
from bandit_svc.ope.progressive.weighted import Summary, WeightedRewards
from bandit_svc.services.evaluation.labels import (
    FIXED,
    TREATED_BASELINE,
    evaluated_specs,
)
from bandit_svc.services.evaluation.reward_predictor import Quality, stored_quality
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.values import (
    CONFIDENCE,
    Estimated,
    PolicyRow,
    Possible,
    RewardModelQuality,
    estimated,
    period,
)
from bandit_svc.storage.interface import Storage
from policies.base import RewardRange

SUCCESSES_FIRST = (
    "With learn_on first_reward decisions with a reward join before the others, so no "
    "estimate would be right; set learn_on to maturity."
)
NO_MAXIMUM = (
    "The experiment declares no maximum reward, and an interval of one changed "
    "decision that holds at every look needs one; use the estimand `trajectory`, "
    "which needs none."
)


EARLIER = "an earlier version added the first decisions, and kept no times"


class CandidateProgress(NamedTuple):
    """The sums of one candidate.

    Attributes:
        behind: how many joined decisions it has not yet evaluated.
        first_ms, last_ms: when the first and the last decision in the sums were made.
    """

    summary: Summary
    behind: int = 0
    first_ms: int | None = None
    last_ms: int | None = None


def kept_evaluations(
    storage: Storage, experiment: Experiment, joined: int
) -> dict[str, CandidateProgress]:
    """Read what the learner has kept of each candidate, by label.

    Args:
        joined: how many decisions have been joined, which is their last position.
    """
    kept = {r.policy: r for r in storage.evaluations.scores(experiment.number)}
    found = {}
    for label, spec in evaluated_specs(experiment.definition).items():
        row = kept.get(label)
        summary, cursor = Summary((), 0), 0
        if row is not None and row.spec == spec:
            # If they can't be read, the learner computes them again from the log.
            with suppress(LoggedDataError):
                summary, cursor = (
                    WeightedRewards.decode(row.scores).summary(),
                    row.cursor,
                )
        times = (row.first_ms, row.last_ms) if row and cursor else (None, None)
        found[label] = CandidateProgress(summary, joined - cursor, *times)
    return found


def kept_reward_model(storage: Storage, experiment: Experiment) -> RewardModelQuality:
    """Return the reward-model quality of the most advanced candidates."""
    stored = storage.evaluations.reward_model_quality(experiment.number)
    quality = None if stored is None else stored_quality(stored)
    return reward_model_quality(quality or Quality())


def reward_model_quality(quality: Quality) -> RewardModelQuality:
    """Return the quality as a report shows it."""
    return RewardModelQuality(quality.n, quality.r_squared)


def policies(
    experiment: Experiment,
    evaluations: Mapping[str, CandidateProgress],
    estimators: Collection[str] = tuple(PROGRESSIVE),
) -> tuple[PolicyRow, ...]:
    """Return one row a policy, in the contract's shape, with these estimates."""
    scale = reward_range(experiment.definition)
    evaluations = {
        label: one for label, one in evaluations.items() if label != TREATED_BASELINE
    }
    biased = experiment.definition.reward.closes_at_first_reward
    reasons = {
        label: SUCCESSES_FIRST
        if biased
        else NO_MAXIMUM
        if scale.maximum is None
        else refused(one.summary)
        for label, one in evaluations.items()
    }
    shown = [label for label, reason in reasons.items() if reason is None]
    summaries = [evaluations[label].summary for label in shown]
    # All at once, since there may be hundreds.
    found = dict(zip(shown, looks(summaries, CONFIDENCE), strict=True))
    return tuple(
        _row(
            _RowInputs(label, one, reasons[label], found.get(label)), scale, estimators
        )
        for label, one in evaluations.items()
    )


def ips_of_variants(rows: Sequence[PolicyRow]) -> dict[str, Estimated]:
    """Return what always choosing each variant would have earned, by its key.

    The rows must have the estimate `ips`.
    """
    return {
        row.policy.removeprefix(FIXED): row.estimates["ips"]
        for row in rows
        if row.policy.startswith(FIXED)
    }


def refused(summary: Summary) -> str | None:
    """Return why no estimate may be shown, or None.

    More decisions without a floor than with one, or a reason of diagnostics.refusal.
    """
    sums = summary.sums
    if summary.unbounded > sums.n:
        all_of_them = counted(summary.unbounded + sums.n, "decision")
        return (
            f"{summary.unbounded:,} of {all_of_them} were made without an exploration "
            "floor, so some variants may have had no chance; set exploration_floor "
            "above 0."
        )
    return refusal(sums)


def scaled_back(interval: Interval, scale: RewardRange) -> Interval:
    """Turn an interval in [0, 1] into one in rewards' units."""
    lower, upper = interval.lower, interval.upper
    return Interval(
        None if lower is None else _scaled_back(lower, scale),
        None if upper is None else _scaled_back(upper, scale),
    )


def _scaled_back(share: float, scale: RewardRange) -> float:
    return scale.minimum + share * scale.width


class _RowInputs(NamedTuple):
    """One policy, its progress, the reason if it is refused, its look if it isn't."""

    label: str
    one: CandidateProgress
    reason: str | None
    look: Look | None


def _row(
    inputs: _RowInputs, scale: RewardRange, estimators: Collection[str]
) -> PolicyRow:
    one, sums = inputs.one, inputs.one.summary.sums
    look = inputs.look
    estimates = {
        name: _estimate(UNKNOWN if look is None else PROGRESSIVE[name](look), scale)
        for name in estimators
    }
    return PolicyRow(
        policy=inputs.label,
        n=sums.n,
        behind=one.behind,
        effective_sample_size=sums.effective_sample_size,
        mean_weight=sums.mean_weight if sums.n else None,
        max_weight=sums.max_weight,
        refused=inputs.reason,
        estimates=estimates,
        period=period(one.first_ms, one.last_ms, EARLIER if sums.n else ""),
    )


def _estimate(found: Estimate, scale: RewardRange) -> Estimated:
    if found.estimate is None:
        return estimated(None)
    return estimated(
        _scaled_back(found.estimate, scale),
        scaled_back(found.interval, scale),
        None if scale.maximum is None else Possible(scale.minimum, scale.maximum),
        "the log excludes no value yet",
    )
