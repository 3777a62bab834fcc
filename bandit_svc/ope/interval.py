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


def widened_to(interval: Interval, value: float) -> Interval:
    """Give the interval with as much more as it takes to hold a value."""
    lower, upper = interval.lower, interval.upper
    return Interval(
        None if lower is None else min(lower, value),
        None if upper is None else max(upper, value),
    )


def narrowed(earlier: Interval, later: Interval) -> Interval:
    """Give what both looks leave possible, for a target that does not change.

    A sequence covers the same value at all looks at once, so looks intersect. Not for
    a policy that learns: its mean value moves. If nothing is left, `later` alone.
    """
    ends = (earlier.lower, earlier.upper, later.lower, later.upper)
    lowers = [end for end in (ends[0], ends[2]) if end is not None]
    uppers = [end for end in (ends[1], ends[3]) if end is not None]
    lower, upper = max(lowers, default=None), min(uppers, default=None)
    if lower is not None and upper is not None and lower > upper:
        return later
    return Interval(lower, upper)
