"""The sentence about decisions without a variant of the baseline."""

from bandit_svc.domain.numbers import amount, counted
from bandit_svc.services.report.business.rows import Restricted
from bandit_svc.services.report.report import Report


def restricted_sentence(report: Report) -> str:
    """Return how many there were and what they earned; empty without any."""
    rows = report.restricted
    if not rows:
        return ""
    made = counted(sum(row.n for row in rows), "decision")
    earned = ", ".join(map(_earned, rows))
    return (
        f"Without a variant that the baseline shows: {made}, in which it was not "
        f"eligible in either group. Their mean rewards: {earned}. They are in the "
        "other numbers too."
    )


def _earned(row: Restricted) -> str:
    if row.mean is None:
        return f"{row.group} not known (n = {row.n})"
    lower, upper = row.interval
    within = "" if lower is None or upper is None else _interval(lower, upper)
    return f"{row.group} {row.mean:.4f}{within} (n = {row.n})"


def _interval(lower: float, upper: float) -> str:
    return f" [{amount(lower)}, {amount(upper)}]"
