"""Words about how long an experiment takes.

Owns the sentences of a plan; its numbers are services.planning's.
"""

from bandit_svc.domain.numbers import amount, count
from bandit_svc.services.planning.outlook import Outlook
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


def outlook_sentence(outlook: Outlook | None) -> str:
    """Return when a running experiment will be decided; empty if it is already."""
    if outlook is None or outlook.decided:
        return ""
    if outlook.decisions_median is None or outlook.decisions_80 is None:
        return f"When it will be decided is not known: {outlook.reason}."
    if outlook.lift_of == "smallest_lift":
        lift = (
            f"if the smallest lift asked for ({_signed(outlook)}) is true from now on"
        )
    else:
        lift = (
            f"if the difference stays as it is ({_signed(outlook)}; the experiment "
            "declares no smallest_lift)"
        )
    more = (
        f"after {count(outlook.decisions_median)} more decisions (80 %: "
        f"{count(outlook.decisions_80)})"
    )
    if outlook.median_days is None:
        return f"Decided {more} {lift}. How long that takes is not known yet."
    return (
        f"Decided in about {days(outlook.median_days)} at this rate, within "
        f"{days(outlook.days_80)} with a chance of 80 %, {lift}: {more}."
    )


def _signed(outlook: Outlook) -> str:
    return amount(outlook.difference, signed=True)
