"""Sum up a stream of rewards for its mean and variance.

Owns the sums that a report reads instead of the whole log. For rewards of weight 1
(a group's own rewards); weighted rewards need the largest weight as well.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.errors import NoDataError


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares of rewards.

    Sums and not a running mean, because they add: over groups, over restarts, and
    inside a database. They cost cancellation in the variance, whose relative error is
    at most about n * 1.1e-16 * (1 + mean² / variance): below 1e-4 for a million
    rewards between 0 and 1 whose mean is 1,000 standard deviations from 0, and
    meaningless for rewards like 1e9 ± 1. Declare such a reward with its offset
    removed.
    """

    n: int = 0
    total: float = 0.0
    total_squares: float = 0.0

    @classmethod
    def of(cls, rewards: npt.ArrayLike) -> "Moments":
        """Sum up an array of rewards of any shape."""
        values = np.asarray(rewards, dtype=np.float64)
        squares = np.square(values)
        return cls(values.size, float(values.sum()), float(squares.sum()))

    def add(self, reward: float) -> "Moments":
        """Add a reward."""
        return Moments(
            self.n + 1, self.total + reward, self.total_squares + reward * reward
        )

    def merge(self, other: "Moments") -> "Moments":
        """Return the sums of both streams together."""
        return Moments(
            self.n + other.n,
            self.total + other.total,
            self.total_squares + other.total_squares,
        )

    @property
    def mean(self) -> float:
        """The mean reward.

        Raises:
            NoDataError: there are no rewards.
        """
        if self.n == 0:
            raise NoDataError("a mean needs at least one reward; got 0")
        return self.total / self.n

    @property
    def variance(self) -> float:
        """The mean squared distance from the mean (divided by n, not n - 1).

        Never negative: a negative difference of sums is rounding, and 0 is returned.

        Raises:
            NoDataError: there are no rewards.
        """
        # The mean square less the squared mean.
        return max(0.0, self.total_squares / max(self.n, 1) - self.mean**2)
