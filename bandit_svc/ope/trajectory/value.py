"""Estimate the mean reward a decision of a policy that is deployed.

Owns the self-normalised estimate along each unit's history, and its interval. With
w_it the weight of unit i at its decision t (visits.py), over units that reached t,

    m_t = sum w_it r_it / sum w_it            the mean reward at decision t,
    h_t = sum w_it c_it / sum w_it            the share that comes back after it,
    S_t = product over k < t of h_k           the share that reaches t,
    v = sum_t S_t m_t / sum_t S_t,

so that a policy which brings units back is credited for it. Where all units have T
decisions, v is the mean of m_t. Each unit is one term of the error: its decisions share
a history. The influence of unit i on v follows by the delta method.

The variance is not smaller than one in which rewards don't depend on weights,

    floor = sum_t (S_t / sum S)² max(m_t, 1 / (2 ESS)) (phi - m_t) sum w² / (sum w)²,

because a large weight that has seen no reward yet says nothing about the rewards at
large weights. phi is the size-biased mean of a reward: the width of a declared range
up to 1, else as in uplift/money.py. The interval is the outer one of v +- z s and of
the score form, whose variance grows with the hypothesised value (Rao 1948; Wilson
1927),

    v (1 + c / 2 +- sqrt(c + c² / 4)),        c = z² s² / v².

It is refused under MINIMAL_UNITS effective units at some decision that counts. Rare
long histories don't count: the horizon is the last decision with enough effective
units, if those up to it are LEAST_COVERED of all.

References:
    Precup, Sutton and Singh (2000), ICML, for the weights. Rao (1948), "Large sample
    tests of statistical hypotheses concerning several parameters", Mathematical
    Proceedings of the Cambridge Philosophical Society 44. Wilson (1927), JASA.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.interval import UNKNOWN, Estimate, Interval
from bandit_svc.ope.trajectory.visits import Visits

MINIMAL_UNITS = 50
LEAST_COVERED = 0.95
"""The least share of the logged decisions that a horizon must hold."""


@dataclass(frozen=True, slots=True)
class TrajectoryValue:
    """The value of a policy along trajectories.

    Attributes:
        value: a decision, in reward units; UNKNOWN if it is refused.
        units: in the log.
        effective_units: at the decision that counts where they are fewest.
        horizon: decisions of a unit that count, from its first.
        covered: the share of the logged decisions within the horizon.
        mean_weight: of all decisions within it; near 1 at each decision.
        max_weight: the largest weight within it.
    """

    value: Estimate
    units: int
    effective_units: float
    horizon: int
    covered: float
    mean_weight: float
    max_weight: float

    @property
    def refused(self) -> bool:
        """True if the log does not tell the value."""
        return self.value.estimate is None


def trajectory_value(
    visits: Visits, z: float, minimum: float, maximum: float | None
) -> TrajectoryValue:
    """Estimate the value of the target policy that the weights are of.

    Args:
        visits: decisions of units that one policy has served.
        z: half width of the interval in standard errors: 1.96 for one look at 95 %,
            and for every look the boundary of sequences/asymptotic.py at U units, times
            the root of U.
        minimum: the smallest possible reward.
        maximum: the largest; None if it is not bounded above.
    """
    sums = _Sums.of(visits, minimum)
    effective = sums.effective_units
    enough = np.flatnonzero(effective >= MINIMAL_UNITS)
    horizon = _horizon(sums, int(enough[-1]) + 1 if enough.size else 0)
    within = visits.visit < horizon
    least = float(effective[:horizon].min())
    value = UNKNOWN
    if least >= MINIMAL_UNITS:
        value = _value(visits, _Curve.of(sums, horizon), z, minimum, maximum)
    return TrajectoryValue(
        value=value,
        units=visits.units,
        effective_units=least,
        horizon=horizon,
        covered=float(within.mean()),
        mean_weight=float(visits.weight[within].mean()),
        max_weight=float(visits.weight[within].max()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums over the units that reached each decision; (T,) each.

    `rewards` are weighted and above the smallest possible reward.
    """

    decisions: FloatArray
    weights: FloatArray
    squared_weights: FloatArray
    rewards: FloatArray
    returns: FloatArray

    @classmethod
    def of(cls, visits: Visits, minimum: float) -> "_Sums":
        at, w = visits.visit, visits.weight
        return cls(
            decisions=np.bincount(at).astype(np.float64),
            weights=_summed(at, w),
            squared_weights=_summed(at, w * w),
            rewards=_summed(at, w * (visits.reward - minimum)),
            returns=_summed(at, w * visits.returns),
        )

    @property
    def effective_units(self) -> FloatArray:
        """(sum w)² over the sum of w²; 0 where no weight is left."""
        squares = np.where(self.squared_weights > 0, self.squared_weights, 1.0)
        return self.weights**2 / squares


def _summed(at: IntArray, values: FloatArray) -> FloatArray:
    return np.asarray(np.bincount(at, values), dtype=np.float64)


def _horizon(sums: _Sums, enough: int) -> int:
    """Return the last decision with enough units, or all if it covers too little."""
    covered = np.cumsum(sums.decisions) / sums.decisions.sum()
    if enough and covered[enough - 1] >= LEAST_COVERED:
        return enough
    # What it would take: the shortest horizon that covers enough of the log.
    return int(np.argmax(covered >= LEAST_COVERED)) + 1


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """What the target policy earns at each decision within the horizon; (T,) each.

    Attributes:
        weights: sum of w.
        squared_weights: sum of w².
        means: m_t, above the smallest possible reward.
        shares: h_t.
        reach: S_t.
    """

    weights: FloatArray
    squared_weights: FloatArray
    means: FloatArray
    shares: FloatArray
    reach: FloatArray

    @classmethod
    def of(cls, sums: _Sums, horizon: int) -> "_Curve":
        weights = sums.weights[:horizon]
        shares = sums.returns[:horizon] / weights
        return cls(
            weights,
            sums.squared_weights[:horizon],
            sums.rewards[:horizon] / weights,
            shares,
            np.r_[1.0, np.cumprod(shares[:-1])],
        )

    @property
    def value(self) -> float:
        """The mean reward a decision."""
        return float((self.reach * self.means).sum() / self.reach.sum())

    def squared_error(self, visits: Visits, minimum: float) -> float:
        """Return the squared error by unit, from each unit's influence on the value."""
        within = visits.visit < self.means.size
        at, w = visits.visit[within], visits.weight[within]
        # What later decisions add: a unit that comes back makes them count more.
        gains = self.reach * (self.means - self.value)
        later = gains.sum() - np.cumsum(gains)
        later[-1] = 0.0
        back = later / np.where(self.shares > 0, self.shares, 1.0)
        terms = self.reach[at] * (visits.reward[within] - minimum - self.means[at])
        terms += back[at] * (visits.returns[within] - self.shares[at])
        scale = visits.units / self.weights / self.reach.sum()
        influence = np.bincount(visits.unit[within], w * scale[at] * terms)
        return float((influence**2).sum()) / (visits.units * max(visits.units - 1, 1))

    def floor(self, size: float, smallest: float) -> float:
        """Return the squared error as if rewards didn't depend on weights."""
        spread = np.maximum(self.means, smallest) * np.maximum(size - self.means, 0.0)
        shares = (self.reach / self.reach.sum()) ** 2
        of_each = shares * spread * self.squared_weights / self.weights**2
        return float(of_each.sum())


def _value(
    visits: Visits,
    curve: _Curve,
    z: float,
    minimum: float,
    maximum: float | None,
) -> Estimate:
    size = _size(visits.reward - minimum, minimum, maximum)
    # Half of an effective unit at the last decision that counts.
    smallest = 0.5 * size * float(curve.squared_weights[-1] / curve.weights[-1] ** 2)
    error = max(curve.squared_error(visits, minimum), curve.floor(size, smallest))
    ends = _score_and_wald(curve.value, error, z, smallest)
    lower, upper = (end + minimum for end in ends)
    if maximum is not None:
        upper = min(upper, maximum)
    return Estimate(curve.value + minimum, Interval(max(lower, minimum), upper))


def _size(reward: FloatArray, minimum: float, maximum: float | None) -> float:
    """Return phi, the size-biased mean of a reward above the minimum."""
    if maximum is not None and maximum - minimum <= 1:
        return maximum - minimum
    total, largest = float(reward.sum()), float(reward.max())
    if total <= 0:
        return 1.0
    return (float((reward**2).sum()) + largest**2) / (total + largest)


def _score_and_wald(
    value: float, squared_error: float, z: float, smallest: float
) -> tuple[float, float]:
    # With no reward at all the value is as if half of an effective unit had had one.
    level = max(value, smallest)
    c = z * z * squared_error / level**2
    root = float(np.sqrt(c + c * c / 4))
    wald = z * float(np.sqrt(squared_error))
    lower = min(value - wald, value * (1 + c / 2 - root))
    return lower, max(value + wald, level * (1 + c / 2 + root))
