"""Say what a derived metric is, and what it lacks, in words.

Owns the sentences of the report's `derived_metrics`.
"""

from typing import NamedTuple, assert_never

from bandit_svc.domain.metric import DECISIONS, Derived, PerUnit, Ratio, Retention
from bandit_svc.domain.numbers import count
from bandit_svc.ope.uplift.by_unit import Shortage
from bandit_svc.services.report.metrics.rows import Kind
from bandit_svc.services.report.parts import SIDE_WORDS


class Words(NamedTuple):
    """What a row says of itself.

    Attributes:
        kind: of the metric.
        of: what is divided by what.
        counted: the units that a group's value is of.
        moving: the rows without which there is nothing to tell.
        detail: what is counted, as the rest of a sentence.
    """

    kind: Kind
    of: str
    counted: str
    moving: str
    detail: str


def words_of(one: Derived) -> Words:
    """Return the words of a derived metric."""
    match one:
        case Ratio():
            below = one.denominator
            return Words(
                "ratio",
                f"{one.numerator} / {below}",
                "units" if below == DECISIONS else f"units with {below}",
                f"decisions with {one.numerator}",
                f"the sum of {one.numerator} over the sum of {below}",
            )
        case PerUnit():
            return Words(
                "per_unit",
                f"{one.of} / unit",
                "units",
                f"units with {one.of}",
                f"the total of {one.of} so far over the units that have come; it grows "
                "as they come back",
            )
        case Retention():
            return _retention_words(one)
        case _:
            assert_never(one)


def _retention_words(one: Retention) -> Words:
    days = f"{one.days:g} day" + ("" if one.days == 1 else "s")
    later = f", more than {one.after_hours:g} h" if one.after_hours else ""
    return Words(
        "retention",
        f"seen again in {days}",
        f"units whose {days} have passed",
        "units that were seen again",
        f"the share of units with a further decision{later} after their first and "
        f"within {days} of it, by the group of the first; units whose {days} have not "
        "passed by the newest matured decision don't count yet",
    )


def without_any(words: Words, side: int) -> str:
    """Return why a group has no value."""
    return f"the {SIDE_WORDS[side]} has no {words.counted} yet: nothing to divide by"


def needs_more(missing: Shortage, words: Words) -> str:
    """Return what is missing for an interval."""
    found = count(int(missing.found))
    if missing.of == "orders":
        return f"it needs {missing.needed} {words.moving}; there are about {found}"
    return (
        f"each group needs the worth of {missing.needed} {words.counted}, if they were "
        f"alike; the {SIDE_WORDS[missing.group or 0]} has {found}"
    )
