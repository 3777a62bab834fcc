"""Say in a sentence what a range of time shows.

Owns the sentence; it advises nothing, since a range of the past can't be waited for.
"""

from bandit_svc.domain.numbers import amount
from bandit_svc.services.report.report import Report


def range_verdict(report: Report) -> str:
    """Return whether the bandit earned more than the baseline in a range."""
    absolute = report.uplift.absolute
    lower, upper = absolute.interval
    if absolute.estimate is None:
        return f"Nothing is known of this range: {absolute.reason}."
    if lower is None or upper is None:
        return f"Too little is known of this range: {absolute.reason}."
    if lower > 0:
        return (
            "In this range the bandit earned more than the baseline: between "
            f"{amount(lower)} and {amount(upper)} more reward a decision."
        )
    if upper < 0:
        return (
            "In this range the bandit earned less than the baseline: between "
            f"{amount(-upper)} and {amount(-lower)} less reward a decision."
        )
    return (
        "In this range it is not decided whether the bandit earned more than the "
        f"baseline: the difference is between {amount(lower, signed=True)} and "
        f"{amount(upper, signed=True)} reward a decision."
    )
