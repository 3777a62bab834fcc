"""Weigh logged decisions by how much likelier the target policy makes them.

Owns the ways to bound importance weights, and the sums of weights and rewards that
IPS, SNIPS and the effective sample size are made of. Estimates from a whole log are in
importance.py.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import NoDataError


def effective_sample_size(weight: FloatArray) -> float:
    """Return the number of decisions of weight 1 that would be as informative.

    (sum w)² / sum w², between 0 and n: n if all weights are equal, 0 if all are 0.
    Biased upwards where a large weight is possible and was not drawn yet.

    References:
        Kish (1965), Survey Sampling; Owen (2013), Monte Carlo theory, eq. (9.13).
    """
    # Kish's design effect, n over this number, is 1 + the squared coefficient of
    # variation of the weights.
    squares = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


MISSING_ERRORS = 4
"""A mean weight this many standard errors below 1 is no accident."""
ROUNDED = 1e-3
"""Logs print propensities with few digits, so that a mean weight is off by as much."""


def missing_weight(weight: FloatArray) -> float:
    """Return by how much the mean weight is below 1; 0 if it may be by accident.

    It is the share of the target's choices that the logging policy never makes.

    Args:
        weight: (n,), with the mean 1 if it makes all of them.
    """
    missing = 1 - float(weight.mean())
    error = float(weight.std()) / weight.size**0.5
    return missing if missing > max(MISSING_ERRORS * error, ROUNDED) else 0.0


def clipped(weight: FloatArray, limit: float) -> FloatArray:
    """Return min(w, limit), shape (n,). An infinite limit changes nothing."""
    return np.minimum(weight, limit)


def switched(weight: FloatArray, limit: float) -> FloatArray:
    """Return w where w <= limit and else 0, shape (n,).

    References:
        Wang, Agarwal and Dudik (2017), section 4, SWITCH.
    """
    return weight * (weight <= limit)


def shrunk(weight: FloatArray, strength: float) -> FloatArray:
    """Return strength * w / (w² + strength), shape (n,).

    Never above w or sqrt(strength) / 2; infinite strength keeps w, 0 returns 0.

    References:
        Su, Dimakopoulou, Krishnamurthy and Dudik (2020), "Doubly robust off-policy
        evaluation with shrinkage", ICML, the optimistic shrinkage.
    """
    if math.isinf(strength):
        return weight
    if strength == 0:
        return np.zeros_like(weight)
    # Su et al. (2020): this weight minimises an optimistic bound of the mean squared
    # error. Computed in place, for logs of millions of rounds.
    below = np.square(weight)
    below += strength
    weighed: FloatArray = strength * weight
    weighed /= below
    return weighed


@dataclass(frozen=True, slots=True)
class WeightedSums:
    """The sums that IPS, SNIPS and their errors need, of a log of any length.

    Sums of two logs add up to those of both. `squared_weight_reward` is the sum of
    w² r, with w the weight and r the reward of a decision.
    """

    n: int = 0
    weight: float = 0.0
    weight_squared: float = 0.0
    weighted_reward: float = 0.0
    squared_weight_reward: float = 0.0
    weighted_reward_squared: float = 0.0
    max_weight: float = 0.0

    @classmethod
    def of(cls, weight: npt.ArrayLike, reward: npt.ArrayLike) -> "WeightedSums":
        """Sum up weights and rewards, both (n,)."""
        w = np.atleast_1d(np.asarray(weight, dtype=np.float64))
        r = np.atleast_1d(np.asarray(reward, dtype=np.float64))
        return cls(
            n=w.size,
            weight=float(w.sum()),
            weight_squared=float((w * w).sum()),
            weighted_reward=float((w * r).sum()),
            squared_weight_reward=float((w * w * r).sum()),
            weighted_reward_squared=float(np.square(w * r).sum()),
            max_weight=float(w.max(initial=0.0)),
        )

    def add(self, weight: float, reward: float) -> "WeightedSums":
        """Count one more decision."""
        product = weight * reward
        return WeightedSums(
            self.n + 1,
            self.weight + weight,
            self.weight_squared + weight * weight,
            self.weighted_reward + product,
            self.squared_weight_reward + weight * product,
            self.weighted_reward_squared + product * product,
            max(self.max_weight, weight),
        )

    def merge(self, other: "WeightedSums") -> "WeightedSums":
        """Return the sums of both logs together."""
        return WeightedSums(
            self.n + other.n,
            self.weight + other.weight,
            self.weight_squared + other.weight_squared,
            self.weighted_reward + other.weighted_reward,
            self.squared_weight_reward + other.squared_weight_reward,
            self.weighted_reward_squared + other.weighted_reward_squared,
            max(self.max_weight, other.max_weight),
        )

    @property
    def mean_weight(self) -> float:
        """The mean weight; 1 in expectation.

        Raises:
            NoDataError: there are no decisions.
        """
        return self.weight / self._count()

    @property
    def effective_sample_size(self) -> float:
        """See the function `effective_sample_size`."""
        squares = self.weight_squared
        return self.weight**2 / squares if squares > 0 else 0.0

    @property
    def ips(self) -> float:
        """The estimate of importance.ips, in reward units.

        Raises:
            NoDataError: there are no decisions.
        """
        return self.weighted_reward / self._count()

    @property
    def ips_error(self) -> float:
        """The standard error of `ips`, in reward units; see intervals.standard_error.

        Raises:
            NoDataError: there are no decisions.
        """
        n = self._count()
        # The sum of squared deviations of the terms w r, from their sums.
        spread = self.weighted_reward_squared - self.weighted_reward**2 / n
        return math.sqrt(max(0.0, spread)) / n * _small_sample(n)

    @property
    def snips(self) -> float:
        """The estimate of importance.snips, in reward units.

        Raises:
            NoDataError: no decision has a weight above 0.
        """
        if self.weight <= 0:
            raise NoDataError("no decision has a weight above 0; the mean is 0 / 0")
        return self.weighted_reward / self.weight

    def _count(self) -> int:
        if self.n == 0:
            raise NoDataError("a mean needs at least one decision; got 0")
        return self.n


def _small_sample(n: int) -> float:
    """Turn a variance divided by n into one divided by n - 1."""
    return math.sqrt(n / (n - 1)) if n > 1 else 1.0
