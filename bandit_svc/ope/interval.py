"""Hold an estimate and its interval.

Owns the two result types. The function that returns one documents how it was found.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A range that holds the true value with the confidence that was asked for.

    An end is None where the data do not bound the value on that side.
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
    """Return the interval, extended as far as needed to hold a value."""
    lower, upper = interval.lower, interval.upper
    return Interval(
        None if lower is None else min(lower, value),
        None if upper is None else max(upper, value),
    )


def stretched(
    interval: Interval, factor: float, lowest: float, highest: float
) -> Interval:
    """Return both ends `factor` times as far from their middle, within a range.

    An interval that lacks an end is returned as it is.
    """
    lower, upper = interval.lower, interval.upper
    if lower is None or upper is None:
        return interval
    middle, half = (lower + upper) / 2, (upper - lower) / 2 * factor
    return Interval(max(middle - half, lowest), min(middle + half, highest))
