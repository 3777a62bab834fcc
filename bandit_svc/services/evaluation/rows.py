"""Rows of what other policies would have earned.

Owns the row of one policy in the contract's `policies`, and what a report reads for
it: sums that were kept, never the log. Every interval holds at every look, where each
unit came once for every n, else once there are many units: it is then wider by the root
of the design effect of the experiment's rewards, as the weights of one unit's decisions
are drawn anew. It holds for one policy only: to pick the best of many, use
services.evaluation.tune, which corrects for their number. With learn_on first_reward
all are refused: when a decision is evaluated then depends on its reward.

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

import numpy as np
from msgspec import UNSET
from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.ope.audit.diagnostics import MINIMAL_EFFECTIVE, refusal
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.registry import PROGRESSIVE
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.interval import UNKNOWN, Estimate, Interval
from bandit_svc.ope.progressive.estimates import Look, looks
from bandit_svc.ope.progressive.weighted import Summary, WeightedRewards
from bandit_svc.ope.uplift.sides import effective_units, pooled_design_effect
from bandit_svc.ope.uplift.totals import Totals
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

ALIKE_UNKNOWN = (
    "Units come back, and without a holdout it is not known how alike the decisions of "
    "a unit are: the interval is of the units that came, not of visitors in general."
)
EARLIER = "an earlier version added the first decisions, and kept no times"


class Clustering(NamedTuple):
    """How much less a decision tells where units come back.

    Attributes:
        design_effect: the variance of a mean by unit over that by decision; 1 where
            each unit came once.
        visits: the mean number of decisions that come with a decision's unit.
        known: false where no sums by unit tell.
    """

    design_effect: float = 1.0
    visits: float = 1.0
    known: bool = False

    @classmethod
    def of(cls, totals: Totals) -> "Clustering":
        """Return that of all decisions of an experiment."""
        n = totals.decisions
        if not n.any():
            return cls()
        if float(totals.units) == float(n.sum()):
            return cls(known=True)
        units = np.maximum(np.stack(effective_units(totals)), 1.0)
        # Of each group n / effective units, weighted by its decisions.
        visits = float((n * n / units).sum() / n.sum())
        return cls(float(pooled_design_effect(totals)), visits, known=True)

    def effective_units(self, sums: WeightedSums) -> float:
        """Return how many units of equal weight a policy's decisions are worth.

        The decisions of n / visits equal units, of which weights that are independent
        within a unit leave 1 / (visits / n + 1 / worth - 1 / n).
        """
        worth = sums.effective_sample_size
        if not (sums.n and worth):
            return 0.0
        return 1 / ((self.visits - 1) / sums.n + 1 / worth)


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
    clustering: Clustering,
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
        else refused(one.summary) or _few_units(one.summary, clustering)
        for label, one in evaluations.items()
    }
    shown = [label for label, reason in reasons.items() if reason is None]
    summaries = [evaluations[label].summary for label in shown]
    # All at once, since there may be hundreds.
    wider = clustering.design_effect**0.5
    by_unit = [one.stretched(wider) for one in looks(summaries, CONFIDENCE)]
    found = dict(zip(shown, by_unit, strict=True))
    rows = (
        _row(
            _RowInputs(label, one, reasons[label], found.get(label)), scale, estimators
        )
        for label, one in evaluations.items()
    )
    if clustering.known and clustering.visits <= 1:
        return tuple(replace(row, units=row.n) for row in rows)
    if clustering.known:
        return tuple(rows)
    return tuple(
        replace(row, note=ALIKE_UNKNOWN) if _come_back(row) else row for row in rows
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


def _few_units(summary: Summary, clustering: Clustering) -> str | None:
    """Return why there are too few units for an estimate, or None."""
    if clustering.visits <= 1:
        return None
    worth = clustering.effective_units(summary.sums)
    if worth >= MINIMAL_EFFECTIVE:
        return None
    return (
        f"Units come back: {counted(summary.sums.n, 'decision')} are worth "
        f"{worth:.1f} units for this policy; at least {MINIMAL_EFFECTIVE} are needed."
    )


def _come_back(row: PolicyRow) -> bool:
    return row.refused is None and row.units is not UNSET and row.units < row.n


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
        units=one.summary.units,
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
