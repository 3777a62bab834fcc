"""Words about how long an experiment takes.

Owns the sentences of a plan; its numbers are services.planning's.
"""

from bandit_svc.domain.numbers import count
from bandit_svc.services.planning.plan import Plan

MOST_EXACT_DAYS = 10


def days(value: float | None) -> str:
    """Write a number of days: 0.4 days, 9.3 days, 1 day, 41 days."""
    if value is None:
        return "more days than any experiment has"
    text = f"{value:.1f}" if value < MOST_EXACT_DAYS else count(round(value))
    text = text.removesuffix(".0")
    return f"{text} day" if text == "1" else f"{text} days"


def plan_sentence(plan: Plan) -> str:
    """Return both durations in a sentence."""
    if plan.decisions_median is None or plan.decisions_80 is None:
        return f"It is never found: {plan.reason}."
    return (
        f"It is found within {days(plan.median_days)} with a chance of 50 % and within "
        f"{days(plan.days_80)} with a chance of 80 % ({count(plan.decisions_median)} "
        f"and {count(plan.decisions_80)} decisions)."
    )
