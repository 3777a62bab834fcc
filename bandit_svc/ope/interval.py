"""Say what was estimated and how far off it may be.

Owns two result types. Holds numbers only; how they were found is told by the
function that returns them.
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
