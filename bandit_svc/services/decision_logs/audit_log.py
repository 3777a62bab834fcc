"""Audit a log: are its propensities the chances that actions were chosen with?

Owns which checks an audit makes and what one may conclude. What makes every estimate
false fails; what only leaves some questions without an answer warns, unless the
question was asked.
"""

from collections.abc import Sequence

from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.checks.check import Check, CheckKind, with_status
from bandit_svc.services.checks.propensities import (
    CALIBRATION,
    CONTEXTS,
    MEAN_WEIGHTS,
    PROPENSITIES,
    SUPPORT,
    contexts_check,
    log_calibration,
    log_propensities,
    mean_weights_check,
    support_check,
    untestable,
)
from bandit_svc.services.decision_logs.repeated_rows import (
    REPEATED_ROWS,
    repeated_rows_check,
)
from bandit_svc.services.decision_logs.target_policy import Target, targets_of
from bandit_svc.services.decision_logs.weight_checks import (
    EFFECTIVE_SAMPLE_SIZE,
    LARGEST_WEIGHT,
    MEAN_WEIGHT,
    OVERLAP,
    ROWS,
    WEIGHT_TAIL,
    rows_check,
    target_checks,
)

LOG_CHECKS: tuple[CheckKind, ...] = (
    ROWS,
    REPEATED_ROWS,
    PROPENSITIES,
    CONTEXTS,
    MEAN_WEIGHTS,
    SUPPORT,
    CALIBRATION,
    EFFECTIVE_SAMPLE_SIZE,
    LARGEST_WEIGHT,
    WEIGHT_TAIL,
    OVERLAP,
    MEAN_WEIGHT,
)
"""Every check of a log, in the order of an audit; the last five are of each policy."""


def audit_log(
    log: DecisionLog, specs: Sequence[str] = (), *, own: bool = False
) -> list[Check]:
    """Return every check, whatever its outcome, in a fixed order.

    Args:
        log: the log.
        specs: policies to ask the log about, beside those that are columns of it;
            without any, the uniform policy is checked leniently.
        own: true for an experiment's log, whose choices were drawn from the pmf in it.

    Raises:
        InvalidInput: a spec can't be understood.
    """
    checks = [
        rows_check(log),
        repeated_rows_check(log),
        log_propensities(log),
        *(() if own else (contexts_check(log),)),
        *_of_choices(log),
    ]
    targets = list(targets_of(log, specs, with_pmf=False))
    if not targets:
        uniform = Target("uniform", 1 / log.eligible_count, None)
        return checks + target_checks(log, uniform, lenient=True)
    for target in targets:
        checks += target_checks(log, target, lenient=False)
    return checks


def _of_choices(log: DecisionLog) -> list[Check]:
    kinds = {
        MEAN_WEIGHTS: mean_weights_check,
        SUPPORT: support_check,
        CALIBRATION: log_calibration,
    }
    reason = untestable(log)
    return [kind.early(reason) if reason else ask(log) for kind, ask in kinds.items()]


def audit_verdict(checks: Sequence[Check]) -> str:
    """Return in one sentence whether the log can be trusted."""
    failed, warned, early = (
        ", ".join(dict.fromkeys(c.name.replace("_", " ") for c in found))
        for found in (
            with_status(checks, "fail"),
            with_status(checks, "warn"),
            with_status(checks, "early"),
        )
    )
    if failed:
        return f"Don't trust what is estimated from this log: a check fails ({failed})."
    untested = {check.name for check in with_status(checks, "early")}
    if untested & {PROPENSITIES.name, CONTEXTS.name}:
        sentence = (
            "Nothing speaks against this log's propensities, as far as they could be "
            "tested."
        )
    else:
        sentence = "This log can be trusted: choices agree with their logged chances."
    if warned:
        sentence += f" It can't answer everything: read the warnings ({warned})."
    if early:
        sentence += f" Not tested: {early}."
    return sentence
