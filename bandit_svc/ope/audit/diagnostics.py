"""Check whether a log can support an estimate, and refuse it otherwise.

Owns the health checks of weights and propensities, their thresholds and sentences,
and the refusal. Every check is a status, a sentence for someone who did not build
this, and the numbers behind it. The bets behind the propensity audit are in
propensity_audit.py.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.propensity_audit import PropensityAudit
from bandit_svc.ope.audit.weight_tail import LEAST_COUNT, tail_index
from bandit_svc.ope.estimators.weights import ROUNDED, WeightedSums

Status = Literal["ok", "warn", "fail"]

MINIMAL_EFFECTIVE = 50
"""Below, no estimate: its standard error would itself be wrong by a tenth or more
(1 / sqrt(2 * 50)), and normal or bootstrap intervals mean nothing."""
GOOD_EFFECTIVE = 200
LARGEST_SHARE = 0.1
"""One decision with more of all weight than this decides the estimate alone."""
WARNED_SHARE = 0.02
MEAN_WEIGHT = (0.8, 1.25)
"""A mean weight outside of this, and further from 1 than MEAN_ERRORS standard errors,
is no accident: the target takes actions that the log hardly or never takes (below),
or the propensities are false (either side)."""
MEAN_ERRORS = 4
HEAVY_TAIL = 0.7
"""Above this tail index the mean of the weights converges so slowly that errors can't
be estimated: Vehtari et al. (2024), section 3.2.1; above 0.5 the variance is
infinite."""
UNCOVERED = (0.01, 0.05)
"""The share of the target's choices that the log hardly takes: warn, fail."""
AUDIT_P_VALUES = (0.05, 0.01)
"""A true log ever warns in at most 5 % of cases and fails in at most 1 %."""


@dataclass(frozen=True, slots=True)
class Check:
    """One health check, as the report shows it."""

    check: str
    status: Status
    detail: str
    numbers: dict[str, float] = field(default_factory=dict)


def refusal(sums: WeightedSums) -> str | None:
    """Return the reason why no estimate may be shown, or None.

    Reasons, the first that holds: no decision of the log is one that the target takes;
    one decision has over LARGEST_SHARE of all weight; the effective sample size is
    below MINIMAL_EFFECTIVE; the mean weight is far from 1 (MEAN_WEIGHT). Reads only
    sums, so that a report can ask at no cost.
    """
    if sums.n == 0:
        return "No decision has matured yet."
    if sums.weight <= 0:
        return (
            f"None of the {_decisions(sums.n, 'logged ')} is one that this policy "
            "would have made."
        )
    share = sums.max_weight / sums.weight
    if share > LARGEST_SHARE and sums.n >= MINIMAL_EFFECTIVE:
        return (
            f"One decision of {sums.n:,} carries {share:.0%} of the evidence (its "
            f"weight is {sums.max_weight:,.1f}); at most {LARGEST_SHARE:.0%} is "
            "allowed. The log hardly ever did what this policy would do."
        )
    effective = sums.effective_sample_size
    if effective < MINIMAL_EFFECTIVE:
        return (
            f"The effective sample size of {_decisions(sums.n, 'logged ')} is "
            f"{effective:.1f} for this policy; at least {MINIMAL_EFFECTIVE} are needed."
        )
    mean, error = sums.mean_weight, _mean_error(sums)
    low, high = MEAN_WEIGHT
    if not low <= mean <= high and abs(mean - 1) > MEAN_ERRORS * error:
        return (
            f"The mean weight is {mean:.3f} and should be 1: the log never takes some "
            "of this policy's choices, or its propensities are false."
        )
    return None


def effective_sample_size_check(sums: WeightedSums) -> Check:
    """Fail below MINIMAL_EFFECTIVE, warn below GOOD_EFFECTIVE."""
    size = sums.effective_sample_size
    status: Status = "ok" if size >= GOOD_EFFECTIVE else "warn"
    if size < MINIMAL_EFFECTIVE:
        status = "fail"
    return Check(
        "effective_sample_size",
        status,
        f"The effective sample size of {_decisions(sums.n)} is {size:,.1f} for this "
        "policy.",
        {"n": sums.n, "effective_sample_size": size},
    )


def largest_weight_check(sums: WeightedSums) -> Check:
    """Warn and fail by the largest weight's share of all weight."""
    share = sums.max_weight / sums.weight if sums.weight > 0 else 1.0
    status: Status = "ok" if share <= WARNED_SHARE else "warn"
    if share > LARGEST_SHARE:
        status = "fail"
    return Check(
        "largest_weight",
        status,
        f"The largest weight is {sums.max_weight:,.2f}; that one decision carries "
        f"{share:.2%} of the evidence.",
        {"max_weight": sums.max_weight, "share": share},
    )


def weight_tail_check(weight: FloatArray) -> Check:
    """Warn if the weights' tail is so heavy that errors can't be estimated."""
    positive = weight[weight > 0]
    index = tail_index(positive)
    if index is None:
        return Check("weight_tail", "ok", _no_tail(positive))
    heavy = index > HEAVY_TAIL
    return Check(
        "weight_tail",
        "warn" if heavy else "ok",
        f"The tail index of the weights is {index:.2f}; above {HEAVY_TAIL} rare large "
        "weights that were not drawn yet can turn the estimate around.",
        {"tail_index": index},
    )


def _no_tail(positive: FloatArray) -> str:
    """Return a sentence on why the weights above 0 have no tail index."""
    n = positive.size
    if n == 0:
        return "No weight is above 0, so there is no tail."
    largest = float(positive.max())
    if n > 1 and float(positive.min()) == largest:
        return f"All {n:,} positive weights are {largest:.2f}, so there is no tail."
    if n < LEAST_COUNT:
        return (
            f"{n:,} positive weights are too few to judge their tail; {LEAST_COUNT} "
            "are needed."
        )
    return (
        f"The largest of {n:,} positive weights are alike, none above {largest:,.2f}, "
        "so there is no tail."
    )


def mean_weight_check(weight: FloatArray) -> Check:
    """Check that the mean weight is 1, as true propensities make it.

    Fails beyond MEAN_ERRORS standard errors.
    """
    sums = WeightedSums.of(weight, np.zeros(weight.size))
    mean, error = sums.mean_weight, _mean_error(sums)
    numbers = {"mean_weight": mean, "standard_error": error}
    far = abs(mean - 1) > max(MEAN_ERRORS * error, ROUNDED)
    return Check(
        "mean_weight",
        "fail" if far else "ok",
        f"The mean weight is {mean:.4f} and "
        + (
            "should be 1: the log never takes some of this policy's choices, or its "
            "propensities are false."
            if far
            else "can't be told from 1, as it should be."
        ),
        numbers,
    )


def uncovered_share(
    target_pmf: FloatArray, logging_pmf: FloatArray, least: float
) -> float:
    """Return the share of the target's choices that the log hardly takes, 0 to 1.

    Args:
        target_pmf: (n, K).
        logging_pmf: (n, K).
        least: the propensity under which an action counts as hardly taken: the
            exploration floor over K, or 0 for only what is impossible.
    """
    hardly = (logging_pmf < least) | (logging_pmf <= 0)
    return float((target_pmf * hardly).sum(axis=1).mean())


def overlap_check(share: float, least: float) -> Check:
    """Check that the log takes what the target takes.

    Args:
        share: of the target's choices that the log hardly takes, as
            `uncovered_share` gives it, or an estimate of it.
        least: as there.
    """
    warned, failed = UNCOVERED
    status: Status = "ok" if share <= warned else "warn"
    if share > failed:
        status = "fail"
    return Check(
        "overlap",
        status,
        f"{share:.2%} of this policy's choices had a logged chance under {least:.2g}; "
        "the log says next to nothing about those.",
        {"share": share, "least_propensity": least},
    )


def propensity_check(audit: PropensityAudit) -> Check:
    """Check that logged propensities are the probabilities of the logged actions."""
    warned, failed = AUDIT_P_VALUES
    p_value = audit.p_value
    numbers = {
        "n": audit.n,
        "p_value": p_value,
        "mismatched_share": audit.mismatched / max(audit.n, 1),
    }
    if audit.mismatched:
        detail = (
            f"{audit.mismatched:,} of {audit.n:,} decisions were logged with another "
            "probability than their own pmf gives the logged action."
        )
        return Check("propensities", "fail", detail, numbers)
    if p_value > warned:
        detail = (
            f"What was chosen agrees with the logged chances of {_decisions(audit.n)}."
        )
        return Check("propensities", "ok", detail, numbers)
    return Check(
        "propensities",
        "fail" if p_value <= failed else "warn",
        "The logged propensities are not the chances that actions were chosen with: "
        f"{audit.suspicion} (p = {p_value:.2g}, valid at every look).",
        numbers,
    )


def _decisions(n: int, kind: str = "") -> str:
    return f"{n:,} {kind}decision{'' if n == 1 else 's'}"


def _mean_error(sums: WeightedSums) -> float:
    """The standard error of the mean weight."""
    spread = sums.weight_squared / sums.n - sums.mean_weight**2
    return math.sqrt(max(0.0, spread) / sums.n)
