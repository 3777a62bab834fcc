"""Sum up a report: what is known, and what to do.

Owns the words at the top of a report, for someone who did not build it.
"""

from bandit_svc.domain.numbers import amount, counted, percent
from bandit_svc.services.checks.check import with_status
from bandit_svc.services.report.first_reward import REASON
from bandit_svc.services.report.report import Report


def verdict(report: Report) -> str:
    """Return the sentence for a report that has everything else."""
    failed = with_status(report.health, "fail")
    if failed:
        names = ", ".join(check.name for check in failed).replace("_", " ")
        return f"Don't act on these numbers yet: a check fails ({names})."
    return _uplift(report) + _adjusted(report) + _guardrails(report) + _early(report)


def _adjusted(report: Report) -> str:
    adjusted = report.uplift.adjusted
    if not adjusted or adjusted.estimate is None or adjusted.interval[0] is None:
        return ""
    lower, upper = adjusted.interval
    return (
        f" Adjusted for {adjusted.covariate} the difference is between "
        f"{amount(lower, signed=True)} and {amount(upper, signed=True)}."
    )


def _guardrails(report: Report) -> str:
    """Name the metrics that got worse by more than was allowed."""
    breached = sorted(
        {
            row.metric
            for row in report.metrics
            if row.guardrail and row.guardrail.status == "breached"
        }
    )
    if not breached:
        return ""
    names = ", ".join(breached)
    return f" But a guardrail is breached ({names}): pause it until you know why."


def _early(report: Report) -> str:
    """Warn that a known uplift has not passed every check."""
    early = with_status(report.health, "early")
    if not early or report.uplift.absolute.interval[0] is None:
        return ""
    some = counted(len(early), "check is", "checks are")
    names = ", ".join(check.name for check in early).replace("_", " ")
    return f" {some} too early to test ({names})."


def _uplift(report: Report) -> str:
    absolute = report.uplift.absolute
    if absolute.reason == REASON:
        return f"The groups can't be compared: {REASON}."
    if absolute.estimate is None:
        return f"Nothing is known yet: {absolute.reason}."
    lower, upper = absolute.interval
    if lower is None or upper is None:
        return f"Too little is known yet: {absolute.reason}. Wait for more."
    if lower > 0:
        return (
            f"The bandit earns more than the baseline: between {amount(lower)} and "
            f"{amount(upper)} more reward a decision{_relative(report)}. Keep it "
            "running."
        )
    if upper < 0:
        return (
            f"The bandit earns less than the baseline: between {amount(-upper)} and "
            f"{amount(-lower)} less reward a decision{_relative(report)}. Pause it and "
            "look at its context and rewards."
        )
    return (
        "It is not decided yet whether the bandit earns more than the baseline: the "
        f"difference is between {amount(lower, signed=True)} and "
        f"{amount(upper, signed=True)} reward a decision. Wait for more decisions."
    )


def _relative(report: Report) -> str:
    estimate = report.uplift.relative.estimate
    return "" if estimate is None else f" ({percent(estimate, signed=True)} so far)"
