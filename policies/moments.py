"""Running mean and deviation of a number, with a bounded influence of each event.

Owns the arithmetic by which policies bring rewards and numbers of the context to one
scale. The moments are a function of the values in order; reading them changes nothing.

Later values weigh more: with the n-th value, mean and variance move by the share
(1 + DECAY) / (n + DECAY). About the last half of the values counts, so that a
strange beginning is forgotten (Shamir and Zhang 2013, section 4, polynomial-decay
averaging). A value further than `reach` deviations from the mean counts as one at that
distance, so that one event multiplies the variance by at most
1 + reach**2 * (1 + DECAY) / (n + DECAY). With value START the moments begin anew from
the median and the median distance, since the first values have nothing to be measured
by.
"""

import math
from statistics import median

import msgspec

DECAY = 3.0
"""The exponent of the weight that the n-th value has among the first n."""

START = 5
"""Values of which up to two can be strange without any influence."""

NORMAL_RATIO = 1.4826
"""Deviation of a normal variable over its median distance from the median."""

MOST_STEP = 1e140
"""The largest distance from the mean that counts; its square is a finite float."""


class Moments(msgspec.Struct, array_like=True):
    """The running moments of one number.

    Attributes:
        count: number of values.
        mean: weighted mean of the values.
        variance: weighted mean of their squared distances from the mean.
        first: the values so far while there are fewer than START.
    """

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    first: list[float] = []

    @property
    def deviation(self) -> float:
        """The square root of the variance; 0 until two values differ."""
        return math.sqrt(self.variance)

    def learn(self, value: float, reach: float) -> None:
        """Add a value.

        Args:
            value: finite.
            reach: in deviations; no value counts as further from the mean. It must
                exceed 1 / sqrt(the share of the rarest values that matter), since a
                rarer value than that is cut off before the deviation knows it.
        """
        count = self.count = self.count + 1
        share = (1.0 + DECAY) / (count + DECAY)
        step = value - self.mean
        limit = reach * math.sqrt(self.variance) or MOST_STEP
        # Comparisons, since calls of min and max double the time.
        if step > limit:
            step = limit
        elif step < -limit:
            step = -limit
        self.mean += share * step
        self.variance = (1.0 - share) * (self.variance + share * step * step)
        if count <= START:
            self._begin(value)

    def _begin(self, value: float) -> None:
        self.first.append(value)
        if self.count == START:
            self.mean = median(self.first)
            distances = [abs(one - self.mean) for one in self.first]
            deviation = min(NORMAL_RATIO * median(distances), MOST_STEP)
            self.variance = deviation * deviation
            self.first = []

    def standardised(self, value: float, bound: float, least: float = 0.0) -> float:
        """Return a value's distance from the mean in deviations.

        Args:
            bound: in deviations; the result is within it.
            least: the smallest deviation to divide by; smaller ones count as it.

        Returns:
            A value in [-bound, bound]; 0 while the deviation is 0.
        """
        deviation = math.sqrt(self.variance)
        # Comparisons, as in `learn`: calls of max and min double the time.
        if deviation < least:  # noqa: PLR1730 - see above
            deviation = least
        if deviation == 0.0:
            return 0.0
        distance = (value - self.mean) / deviation
        if distance > bound:
            return bound
        return distance if distance > -bound else -bound  # noqa: FURB136 - see above
