"""The sentence about decisions without consent."""

from bandit_svc.domain.numbers import counted
from bandit_svc.services.report.report import Report


def consent_sentence(report: Report) -> str:
    """Return how many there were and what they earned; empty without any."""
    rows = report.without_consent
    if not rows:
        return ""
    made = counted(sum(row.decisions for row in rows), "decision")
    means = [
        f"{row.group} {row.mean:.4f} (n = {row.n})"
        for row in rows
        if row.mean is not None
    ]
    earned = f" Their mean rewards: {', '.join(means)}." if means else ""
    return (
        f"Without consent: {made}, made without context or unit, and in none of the "
        f"other numbers.{earned}"
    )
