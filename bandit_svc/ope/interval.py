"""Say what was estimated and how far off it may be.

Owns two result types, and what two looks at one value say together. How the numbers
were found is told by the function that returns them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A range that holds the true value, with the confidence it was asked for.

    An end is None where the data bound nothing on that side.
    """

    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval; the value is None where there are no data for it."""

    estimate: float | None
    interval: Interval


UNBOUNDED = Interval(None, None)
UNKNOWN = Estimate(None, UNBOUNDED)


def widened_to(interval: Interval, value: float) -> Interval:
    """Give the interval with as much more as it takes to hold a value."""
    lower, upper = interval.lower, interval.upper
    return Interval(
        None if lower is None else min(lower, value),
        None if upper is None else max(upper, value),
    )
