"""Say whether a log can carry an answer.

Owns the checks of what was read and of a target policy's weights on it, as the report
shows checks; thresholds and most sentences are those of ope.audit.diagnostics. Whether
the propensities are true is asked in propensity_health.py.
"""

from typing import Any

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.diagnostics import (
    Check,
    effective_sample_size_check,
    largest_weight_check,
    mean_weight_check,
    overlap_check,
    uncovered_share,
    weight_tail_check,
)
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.services.decision_logs.target_policy import Target

Json = dict[str, Any]

HARDLY = 0.02
"""Where no floor is known, actions with a chance under HARDLY / K are hardly taken:
our own default exploration floor."""
MISSING_ERRORS = 4


def rows_check(log: DecisionLog) -> Check:
    """Say how much of the file was used."""
    detail = f"{log.n:,} decisions over {len(log.actions):,} actions were read"
    if log.skipped:
        detail += f"; {log.skipped:,} without a reward are left out"
    return Check("rows", "ok", detail + ".", {"n": log.n, "skipped": log.skipped})


def target_checks(log: DecisionLog, target: Target, *, lenient: bool) -> list[Json]:
    """Check what the weights of a target policy say about the log.

    Args:
        log: the log.
        target: the policy.
        lenient: warn where the log can't carry the policy, since nobody asked for it.
    """
    weight = target.probability / log.propensity
    sums = WeightedSums.of(weight, log.reward)
    checks = [
        effective_sample_size_check(sums),
        largest_weight_check(sums),
        weight_tail_check(weight),
        _overlap_check(log, target, weight),
    ]
    if not lenient:
        checks.append(mean_weight_check(weight))
    return [_json(check, target.name, lenient=lenient) for check in checks]


def _overlap_check(log: DecisionLog, target: Target, weight: FloatArray) -> Check:
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
        missing = 1 - total / log.n
        error = float(weight.std()) / log.n**0.5
        missing = missing if missing > MISSING_ERRORS * error else 0.0
        share = missing + (1 - missing) * found
    return overlap_check(share, least)


def as_json(check: Check) -> Json:
    """Give a check as the report shows it."""
    return _json(check, None, lenient=False)


def _json(check: Check, policy: str | None, *, lenient: bool) -> Json:
    status = "warn" if lenient and check.status == "fail" else check.status
    named = {} if policy is None else {"policy": policy}
    return {
        "check": check.check,
        "status": status,
        "detail": check.detail,
        **named,
        **check.numbers,
    }
