"""Audit a log: are its propensities the chances that actions were chosen with?

Owns which checks an audit makes and what one may conclude. What makes every estimate
false fails; what only leaves some questions without an answer warns, unless the
question was asked.
"""

from collections.abc import Sequence
from typing import Any

from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.checks.propensities import (
    log_calibration,
    mean_weights_check,
    propensities_check,
    support_check,
)
from bandit_svc.services.decision_logs.target_policy import Target, targets_of
from bandit_svc.services.decision_logs.weight_checks import (
    as_json,
    rows_check,
    target_checks,
)

Json = dict[str, Any]


def audit_log(log: DecisionLog, specs: Sequence[str] = ()) -> list[Json]:
    """Give every check, whatever its outcome, in a fixed order.

    Args:
        log: the log.
        specs: policies that it is meant to be asked about, beside those that are
            columns of it; without any, what it says of the uniform policy is told.

    Raises:
        InvalidInput: a spec can't be understood.
    """
    checks = [
        as_json(rows_check(log)),
        as_json(propensities_check(log)),
        as_json(mean_weights_check(log)),
        as_json(support_check(log)),
        as_json(log_calibration(log)),
    ]
    targets = list(targets_of(log, specs, with_pmf=False))
    if not targets:
        uniform = Target("uniform", 1 / log.eligible_count, None)
        return checks + target_checks(log, uniform, lenient=True)
    for target in targets:
        checks += target_checks(log, target, lenient=False)
    return checks


def audit_verdict(checks: Sequence[Json]) -> str:
    """Say in one sentence whether the log can be trusted."""
    failed, warned = (
        ", ".join(dict.fromkeys(c["check"] for c in checks if c["status"] == status))
        for status in ("fail", "warn")
    )
    if failed:
        names = failed.replace("_", " ")
        return f"Don't trust what is estimated from this log: a check fails ({names})."
    sentence = "This log can be trusted: choices agree with their logged chances"
    if warned:
        names = warned.replace("_", " ")
        return f"{sentence}. It can't answer everything: read the warnings ({names})."
    return f"{sentence}."
