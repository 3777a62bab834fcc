"""One number of the contexts: its running moments, its knots and its columns.

Owns how a number becomes a standardised value and the shares of two hat functions. All
of it is a function of the learned contexts in order.
"""

from bisect import bisect_right

import msgspec

from policies.hats import SAMPLE, knots_of
from policies.moments import Moments

FARTHEST = 4.0
"""Deviations from the mean beyond which a standardised value does not go."""

REACH = 8.0
"""Deviations from the mean as which a value farther out enters the moments."""


class Number(msgspec.Struct):
    """What is known of one number.

    Attributes:
        column: of the standardised value.
        hats: the column of each knot's hat function; empty without hats.
        sample: the values learned until there are enough for knots, then empty.
    """

    column: int
    moments: Moments = msgspec.field(default_factory=Moments)
    knots: list[float] = []
    hats: list[int] = []
    sample: list[float] = []

    def standardised(self, value: float) -> float:
        """Return a value in deviations from the mean, within `FARTHEST`.

        A number that was always the same is 0. So where it changes for the first time,
        nothing is extrapolated from a size of which nothing is known.
        """
        return self.moments.standardised(value, FARTHEST)

    def between(self, value: float) -> tuple[int, float]:
        """Return the last knot at or before a value, and the share of the way on.

        Values outside the knots count as the nearest one. The hat function of the knot
        is 1 - share, that of the next knot is the share: a broken line.
        """
        knots = self.knots
        if value <= knots[0]:
            return 0, 0.0
        if value >= knots[-1]:
            return len(knots) - 2, 1.0
        at = bisect_right(knots, value) - 1
        return at, (value - knots[at]) / (knots[at + 1] - knots[at])

    def learn(self, value: float) -> bool:
        """Take in a value, and return whether the knots are known with it."""
        self.moments.learn(value, REACH)
        if self.moments.count > SAMPLE:
            return False
        self.sample.append(value)
        if len(self.sample) < SAMPLE:
            return False
        self.knots, self.sample = knots_of(self.sample), []
        return True
