"""Say in one sentence what is known and what to do.

Owns the words at the top of a report, for someone who did not build it.
"""

from typing import Any

from bandit_svc.domain.numbers import amount, percent


def verdict(report: dict[str, Any]) -> str:
    """Give the sentence for a report that has everything else."""
    failed = [c["check"] for c in report["health"] if c["status"] == "fail"]
    if failed:
        names = ", ".join(failed).replace("_", " ")
        return f"Don't act on these numbers yet: a check fails ({names})."
    return _uplift(report) + _adjusted(report) + _guardrails(report)


def _adjusted(report: dict[str, Any]) -> str:
    adjusted = report["uplift"].get("adjusted")
    if not adjusted or adjusted["estimate"] is None:
        return ""
    lower, upper = adjusted["interval"]
    return (
        f" Adjusted for {adjusted['covariate']} the difference lies between "
        f"{amount(lower, signed=True)} and {amount(upper, signed=True)}."
    )


def _guardrails(report: dict[str, Any]) -> str:
    """Name the metrics that got worse by more than was allowed."""
    breached = sorted(
        {
            row["metric"]
            for row in report["metrics"]
            if row["guardrail"] and row["guardrail"]["status"] == "breached"
        }
    )
    if not breached:
        return ""
    names = ", ".join(breached)
    return f" But a guardrail is breached ({names}): pause it until you know why."


def _uplift(report: dict[str, Any]) -> str:
    absolute = report["uplift"]["absolute"]
    if absolute["estimate"] is None:
        return "Nothing is known yet: wait until decisions of both groups have matured."
    lower, upper = absolute["interval"]
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
        f"difference lies between {amount(lower, signed=True)} and "
        f"{amount(upper, signed=True)} reward a decision. Wait for more decisions."
    )


def _relative(report: dict[str, Any]) -> str:
    estimate = report["uplift"]["relative"]["estimate"]
    return "" if estimate is None else f" ({percent(estimate, signed=True)} so far)"
