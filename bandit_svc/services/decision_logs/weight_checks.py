"""Check that a log has enough evidence about a target policy.

Owns the checks of what was read and of a target policy's weights on it; thresholds and
most sentences are those of ope.audit.diagnostics. Whether the propensities are true is
asked in services.checks.propensities.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from bandit_svc.domain.numbers import counted
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit import diagnostics
from bandit_svc.ope.audit.diagnostics import (
    effective_sample_size_check,
    largest_weight_check,
    mean_weight_check,
    overlap_check,
    uncovered_share,
    weight_tail_check,
)
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.ope.estimators.weights import WeightedSums, missing_weight
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.decision_logs.readers.assembly import BAD
from bandit_svc.services.decision_logs.target_policy import Target

HARDLY = 0.02
"""Where no floor is known, actions with a chance under HARDLY / K are hardly taken:
our own default exploration floor."""


ROWS = CheckKind(
    "rows", "The file was read", "Look at the bad lines, and why they are bad."
)
EFFECTIVE_SAMPLE_SIZE = CheckKind(
    "effective_sample_size",
    "The log has enough decisions that the policy would have made too",
    "Collect more decisions, or ask about a policy that is closer to the logging one.",
)
LARGEST_WEIGHT = CheckKind(
    "largest_weight",
    "No single decision decides the estimate",
    "Use a higher exploration floor, or ask about a policy that is closer to the "
    "logging one.",
)
WEIGHT_TAIL = CheckKind(
    "weight_tail",
    "The weights' errors can be estimated",
    "Prefer dr or a clipped estimator, and read the interval as too narrow.",
)
OVERLAP = CheckKind(
    "overlap",
    "The log takes the actions that the policy takes",
    "Explore those actions first, or ask about a policy that leaves them out.",
)
MEAN_WEIGHT = CheckKind(
    "mean_weight",
    "The policy's mean weight is 1",
    "Look whether the log misses actions of the policy, and whether its propensities "
    "are right.",
)
_KINDS: Mapping[str, CheckKind] = {
    kind.name: kind
    for kind in (
        EFFECTIVE_SAMPLE_SIZE,
        LARGEST_WEIGHT,
        WEIGHT_TAIL,
        OVERLAP,
        MEAN_WEIGHT,
    )
}


def rows_check(log: DecisionLog) -> Check:
    """Return how much of the file was used."""
    actions = counted(len(log.actions), "action")
    were = counted(
        log.n, f"decision over {actions} was", f"decisions over {actions} were"
    )
    detail = f"{were} read"
    if log.skipped:
        listed = [f"{count:,} {reason}" for reason, count in log.left_out.items()]
        detail += f"; left out: {', '.join(listed)}"
    answer = ROWS.warn if BAD in log.left_out else ROWS.ok
    bad = log.left_out.get(BAD, 0)
    return answer(f"{detail}.", n=log.n, skipped=log.skipped, bad=bad)


def target_checks(log: DecisionLog, target: Target, *, lenient: bool) -> list[Check]:
    """Check what the weights of a target policy say about the log.

    Args:
        log: the log.
        target: the policy.
        lenient: warn where it would fail, since nobody asked about this policy.
    """
    weight = target.probability / log.propensity
    if log.multiplicity is not None:
        weight = weight * log.multiplicity
    sums = WeightedSums.of(weight, log.reward)
    checks = [
        effective_sample_size_check(sums),
        largest_weight_check(sums),
        weight_tail_check(weight),
        _overlap_check(log, target, weight),
    ]
    if not lenient:
        checks.append(mean_weight_check(weight))
    return [_check(found, target.name, lenient=lenient) for found in checks]


def _overlap_check(
    log: DecisionLog, target: Target, weight: FloatArray
) -> diagnostics.Check:
    """Check that the log takes what the target takes.

    From all logged chances if they are known; else from the weights: the target's
    share of decisions with a small propensity, plus what is missing from a mean
    weight of 1.
    """
    count = len(log.actions)
    # A floor is met up to rounding.
    least = (log.least_propensity or HARDLY / count) * (1 - 1e-9)
    if log.pmf is not None and target.pmf is not None:
        share = uncovered_share(target.pmf, log.pmf, least)
    else:
        total = float(weight.sum())
        found = float(weight[log.propensity < least].sum()) / total if total > 0 else 1
        missing = missing_weight(weight)
        share = missing + (1 - missing) * found
    return overlap_check(share, least)


def _check(found: diagnostics.Check, policy: str, *, lenient: bool) -> Check:
    """Return a statistical check as one of the service."""
    status = "warn" if lenient and found.status == "fail" else found.status
    answer = _KINDS[found.check].answer(status, found.detail, **found.numbers)
    return replace(answer, policy=policy)
