"""Compute how precise a comparison of two groups will be after n decisions.

Owns the expected half width of the uplift's interval, as by_unit.py, mixture_bets.py
and money.py of ope/uplift will compute it, from what is known before the experiment:
the baseline's mean, the lift, the holdout, how often units come and how alike their
rewards are. With v_g the variance of a reward of group g, h the holdout and d_g the
design effects,

    deviation² = v_T d_T / (1 - h) + v_B d_B / h

is the squared standard error of the difference times the decisions n. Units come in a
geometric number of decisions of mean k, so that a decision's unit has 2 k - 1 on
average: d_B = 1 + 2 (k - 1) icc; the treatment's rewards of a unit correlate by the
square of 1 + lift more.

The treatment is taken to show nothing that the baseline shows in the same place. Where
the two agree in a share of the decisions, decisions count for both groups, and both
the difference and its error are smaller.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.planning.crossing import crossing_counts
from bandit_svc.ope.sequences.asymptotic import (
    OPTIMISED_COUNT,
    boundary,
    padded_variance,
)
from bandit_svc.ope.sequences.paired import expected_below, paired_rows
from bandit_svc.ope.uplift import money
from bandit_svc.ope.uplift.mixture_bets import DISAGREEMENT
from bandit_svc.ope.uplift.sides import MINIMAL_UNITS

CHANCES = (0.5, 0.8)


class Counts(NamedTuple):
    """Decisions of both groups by which the uplift is found; infinite beyond reach.

    Attributes:
        median: with a chance of one half.
        most: with a chance of 80 %.
    """

    median: float
    most: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of a treatment with a baseline, as it is expected.

    Attributes:
        base: the baseline's mean reward a decision; above 0, and at most 1 for rewards
            of 0 and 1.
        lift: of the treatment's mean, as a share of `base`; above 0.
        holdout: the baseline's share of the units, in (0, 1).
        sd: of a decision's reward in the baseline group, where rewards are amounts;
            None for rewards of 0 and 1.
        visits: mean decisions a unit, at least 1.
        icc: correlation of two rewards of one unit, in [0, 1].
        confidence: of the interval, in (0, 1).
        tightest_at: the decisions at which the boundary is tightest.
    """

    base: float
    lift: float
    holdout: float = 0.1
    sd: float | None = None
    visits: float = 1.0
    icc: float = 0.0
    confidence: float = 0.95
    tightest_at: float = OPTIMISED_COUNT

    @property
    def difference(self) -> float:
        """The true difference of the means, in reward units."""
        return self.base * self.lift

    @property
    def means(self) -> tuple[float, float]:
        """The mean reward of the treatment and of the baseline."""
        return self.base * (1 + self.lift), self.base

    @property
    def variances(self) -> tuple[float, float]:
        """The variance of a reward of each group.

        Of amounts the treatment is taken to bring more orders of the same sizes.
        """
        treatment, baseline = self.means
        if self.sd is None:
            return treatment * (1 - treatment), baseline * (1 - baseline)
        squares = self.sd**2 + baseline**2
        more = (1 + self.lift) * squares - treatment**2
        return max(more, self.sd**2), self.sd**2

    @property
    def design_effects(self) -> tuple[float, float]:
        """The design effect of each group, at least 1."""
        excess = 2 * (self.visits - 1) * self.icc
        treatment, baseline = self.variances
        ratio = (1 + self.lift) ** 2 * baseline / treatment if treatment > 0 else 1.0
        return 1 + excess * ratio, 1 + excess

    @property
    def deviation(self) -> float:
        """The standard error of the difference times the root of the decisions."""
        return math.sqrt(sum(self._squares))

    @property
    def design_effect(self) -> float:
        """The design effect of the difference."""
        plain = sum(
            v / share for v, share in zip(self.variances, self._shares, strict=True)
        )
        return sum(self._squares) / plain if plain > 0 else 1.0

    @property
    def first(self) -> float:
        """The decisions before which no interval is shown."""
        # The worth of units that come equally often: a decision's unit has 2 k - 1.
        units = MINIMAL_UNITS * (2 * self.visits - 1) / min(self._shares)
        if self.sd is None:
            return units
        return max(units, money.MINIMAL_ORDERS * self._size / self.base)

    def half_width(self, n: FloatArray) -> FloatArray:
        """Return the expected half width of the interval below the estimate."""
        if self.sd is not None:
            return self._money_reach(n)
        return self._bets_reach(n) if self.visits <= 1 else self._rate_reach(n)

    def counts(self) -> Counts:
        """Return by how many decisions the interval excludes 0."""
        found = crossing_counts(
            self.half_width, self.difference, self.deviation, self.first, CHANCES
        )
        return Counts(*found)

    @property
    def _shares(self) -> tuple[float, float]:
        return 1 - self.holdout, self.holdout

    @property
    def _squares(self) -> tuple[float, float]:
        treatment, baseline = (
            v * d / share
            for v, d, share in zip(
                self.variances, self.design_effects, self._shares, strict=True
            )
        )
        return treatment, baseline

    @property
    def _size(self) -> float:
        """The mean size of an order, by size."""
        return ((self.sd or 0.0) ** 2 + self.base**2) / self.base

    @property
    def _pooled(self) -> float:
        treatment, baseline = self.design_effects
        return (1 - self.holdout) * treatment + self.holdout * baseline

    def _rate_reach(self, n: FloatArray) -> FloatArray:
        """Return what by_unit.absolute will have as half width."""
        variances, shares = self.variances, self._shares
        squared = np.zeros_like(n)
        for variance, share in zip(variances, shares, strict=True):
            e = n * share
            squared = (
                squared
                + padded_variance(e, np.full_like(e, variance), 1.0, self.confidence)
                / e
            )
        effect = max(self.design_effect, self._pooled)
        at = boundary(n, self.confidence, tightest_at=self.tightest_at)
        return np.asarray(at * np.sqrt(n * squared * effect))

    def _bets_reach(self, n: FloatArray) -> FloatArray:
        """Return what mixture_bets.MixtureBets will have below the difference.

        Of the four outcomes: a reward or none, in the treatment or in the baseline.
        """
        treated = np.array([True, True, False, False])
        reward = np.array([1.0, 0.0, 1.0, 0.0])
        mean = np.where(treated, *self.means)
        chances = np.where(treated, *self._shares) * np.where(reward, mean, 1 - mean)
        level = float(chances @ reward)
        pmfs = np.tile([0.0, 1.0], (4, 1)), np.tile([1.0, 0.0], (4, 1))
        rows = paired_rows(
            pmfs,
            np.tile([self.holdout, 1 - self.holdout], (4, 1)),
            np.full((4, 2), level),
            treated.astype(np.int64),
            reward,
        )
        typical = DISAGREEMENT / min(self._shares)
        below = expected_below(typical, rows, chances, n, self.confidence)
        return self.difference - below

    def _money_reach(self, n: FloatArray) -> FloatArray:
        """Return what money.difference_ends will have below the difference."""
        squares = [v + m**2 for v, m in zip(self.variances, self.means, strict=True)]
        treatment, baseline = (
            money.GroupRewards(
                mean=np.full_like(n, mean),
                weights=n,
                squared_weights=n / share,
                rewards=n / share * mean,
                squared_rewards=n / share * square,
                design_effect=np.full_like(n, max(effect, self._pooled)),
            )
            for mean, square, share, effect in zip(
                self.means, squares, self._shares, self.design_effects, strict=True
            )
        )
        total = sum(m * s for m, s in zip(self.means, self._shares, strict=True))
        square = sum(q * s for q, s in zip(squares, self._shares, strict=True))
        size = square / total
        sizes = money.OrderSizes(
            n=n,
            rewards=n * total,
            squared_rewards=n * square,
            orders=n * total / size,
            largest=np.full_like(n, size),
        )
        lower, _ = money.difference_ends(
            treatment,
            baseline,
            sizes,
            self.confidence,
            0.0,
            tightest_at=self.tightest_at,
        )
        return np.asarray(self.difference - lower)
