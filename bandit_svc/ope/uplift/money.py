"""Bound means of money-like rewards and their comparison, at every look.

Owns the intervals for rewards without a narrow declared range: revenue, quantities,
losses. Most such rewards are the same small value and a few are large, so the
variance of a group that has seen few large ones is far too small. Here the variance is
that of the hypothesised mean, not of the rewards seen. For rewards y >= 0

    V(mu) = phi mu - mu²,        phi = E[y²] / E[y],

with phi the size-biased mean of a reward: 1 for rewards of 0 and 1 (then V is the
binomial variance), and about the size of a large order for revenue. Only order *sizes*
are borrowed from the other group, never rates: phi of a group has BORROWED_ORDERS
pseudo orders of the pooled phi, which itself counts the largest reward once more.

The ends of a group's mean m are the outer ones of two sequences at C = z(n)² deff / e,
with z(n) = sqrt(n) boundary(n) and e the effective decisions of the group:

    Wilson (1927): the roots of (1 + C) mu² - (2 m + C phi) mu + m² = 0,
    Wald:          m +- sqrt(C (phi m - m²)).

Wilson guards the side of the group that has seen no large reward yet, Wald the other
one, because Poisson counts exceed the normal upwards. The ends of both groups combine
by MOVER (Zou and Donner 2008) for the difference, and by the same principle for the
ratio (Donner and Zou 2012), both with the correlation of the groups' errors where
decisions count for both groups.

When it is invalid: no bound of a mean without a known range holds at finite n (Bahadur
and Savage 1956). These intervals are asymptotic, and measured: `make bench-truth`.
Observed ranges and borrowed variances were tried in their place and were ever wrong in
up to 49 % of runs where the groups differ.

References:
    Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", JASA. Zou and Donner (2008), "Construction of confidence limits about
    effect measures", Statistics in Medicine. Donner and Zou (2012), "Closed-form
    confidence intervals for functions of the normal mean and standard deviation",
    Statistical Methods in Medical Research. Bahadur and Savage (1956), "The
    nonexistence of certain statistical procedures in nonparametric problems", Annals
    of Mathematical Statistics.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT, boundary

BORROWED_ORDERS = 8
"""Pseudo orders of the pooled size that each group borrows."""
MINIMAL_ORDERS = 30
"""Rewards other than the commonest, of both groups, before an interval is shown."""
MOST_CORRELATION = 0.95
WIDEST_PADDED_RANGE = 1.0
"""The widest declared range whose variance is padded at the ends of the range."""
LEAST = 1e-12
"""What divides in place of 0; the result is replaced where it does."""

Ends = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class GroupRewards:
    """Weighted rewards of one group, at one look or at each of many; all one shape.

    Weights are 1 over the chance of the group, or those of a mixture. The mean is
    given apart from the sums, because it may be divided by other weights than those
    of the rewards. Sums run over decisions r of weight w.

    Attributes:
        mean: the estimated mean reward, in reward units.
        weights: sum of w.
        squared_weights: sum of w².
        rewards: sum of w² r.
        squared_rewards: sum of w² r².
        design_effect: at least 1; the variance by unit over that by decision. The
            larger one of the group's own and the pooled one.
    """

    mean: FloatArray
    weights: FloatArray
    squared_weights: FloatArray
    rewards: FloatArray
    squared_rewards: FloatArray
    design_effect: FloatArray

    @property
    def effective_decisions(self) -> FloatArray:
        """(sum of w)² over the sum of w²: decisions of equal weight worth as much."""
        return self.weights**2 / np.maximum(self.squared_weights, LEAST)


@dataclass(frozen=True, slots=True, eq=False)
class OrderSizes:
    """Rewards of both groups together, without weights; shapes as in GroupRewards.

    Attributes:
        n: decisions.
        rewards: sum of r, in reward units.
        squared_rewards: sum of r².
        orders: decisions whose reward is not the commonest one.
        largest: the largest reward so far.
    """

    n: FloatArray
    rewards: FloatArray
    squared_rewards: FloatArray
    orders: FloatArray
    largest: FloatArray

    @property
    def enough(self) -> BoolArray:
        """True from MINIMAL_ORDERS on; before that no interval is shown."""
        return np.asarray(self.orders >= MINIMAL_ORDERS)


def is_money(minimum: float, maximum: float | None) -> bool:
    """Return true if this module bounds rewards of the declared range.

    Decided by the definition alone, never by the rewards seen: a choice that follows
    the data has another error than either method.
    """
    return maximum is None or maximum - minimum > WIDEST_PADDED_RANGE


def mean_ends(
    group: GroupRewards,
    sizes: OrderSizes,
    n: FloatArray,
    confidence: float,
    minimum: float,
    tightest_at: float = OPTIMISED_COUNT,
) -> Ends:
    """Bound one group's mean, in reward units, valid at every look.

    Args:
        group: its weighted rewards.
        sizes: rewards of both groups.
        n: the count at which the boundary is taken: of the decisions that the
            sequence runs over.
        confidence: in (0, 1), for all looks together.
        minimum: the smallest possible reward, whether seen or not.
        tightest_at: the count at which the boundary is tightest.

    Returns:
        Lower and upper ends, not cut: the lower one may be below `minimum`.
    """
    # A weighted mean can fall below the smallest reward while there is little.
    mean = np.maximum(group.mean - minimum, 0.0)
    n = np.asarray(n, dtype=np.float64)
    squared_z = n * boundary(n, confidence, tightest_at=tightest_at) ** 2
    spread = (
        squared_z * group.design_effect / np.maximum(group.effective_decisions, LEAST)
    )
    size = _size(group, sizes, minimum)
    wald = np.sqrt(spread * np.maximum(size * mean - mean**2, 0.0))
    # Wilson's quadratic: (m - mu)² = C (phi mu - mu²).
    half = 2 * mean + spread * size
    root = np.sqrt(np.maximum(half**2 - 4 * (1 + spread) * mean**2, 0.0))
    lower = np.minimum((half - root) / (2 * (1 + spread)), mean - wald)
    upper = np.maximum((half + root) / (2 * (1 + spread)), mean + wald)
    return lower + minimum, upper + minimum


def difference_ends(
    treatment: GroupRewards,
    baseline: GroupRewards,
    sizes: OrderSizes,
    confidence: float,
    minimum: float,
    correlation: FloatArray | float = 0.0,
    *,
    tightest_at: float = OPTIMISED_COUNT,
) -> Ends:
    """Bound mean(treatment) - mean(baseline) by MOVER, valid at every look.

    Args:
        treatment: weighted rewards of the treatment group.
        baseline: likewise.
        sizes: rewards of both groups together; its n is the boundary's count.
        confidence: in (0, 1), for all looks together.
        minimum: the smallest possible reward, whether seen or not.
        correlation: of the two means' errors (`correlation`); 0 where each decision
            counts for one group.
        tightest_at: the count at which the boundary is tightest.
    """
    rest = sizes, sizes.n, confidence, minimum, tightest_at
    lower_t, upper_t = mean_ends(treatment, *rest)
    lower_b, upper_b = mean_ends(baseline, *rest)
    difference = treatment.mean - baseline.mean
    below = treatment.mean - lower_t, upper_b - baseline.mean
    above = upper_t - treatment.mean, baseline.mean - lower_b
    return (
        difference - _hypotenuse(*below, correlation),
        difference + _hypotenuse(*above, correlation),
    )


def relative_ends(
    treatment: GroupRewards,
    baseline: GroupRewards,
    sizes: OrderSizes,
    confidence: float,
    minimum: float,
    correlation: FloatArray | float = 0.0,
    *,
    tightest_at: float = OPTIMISED_COUNT,
) -> Ends:
    """Bound the difference as a share of the baseline's mean, valid at every look.

    The interval of (mean(treatment) - mean(baseline)) / |mean(baseline)| holds each
    ratio for which MOVER does not tell mean(treatment) from ratio times
    mean(baseline). Arguments are those of `difference_ends`.

    Returns:
        Ends; infinite on both sides where the sign of the baseline's mean is open,
        but for rewards that can't be negative: they can't lose more than everything.
    """
    rest = sizes, confidence, tightest_at
    top = _Bounded.above(minimum, treatment, *rest)
    bottom = _Bounded.above(minimum, baseline, *rest)
    # Mirrored where the baseline is negative, so that plus is better there too.
    sign = np.where(bottom.mean < 0, -1.0, 1.0)
    bottom = bottom.times(sign)
    shared = sign * np.asarray(correlation)
    lower = _lowest_ratio(top, bottom, shared) - sign
    upper = _highest_ratio(top, bottom, shared) - sign
    known = bottom.lower > 0
    if minimum >= 0:
        return np.maximum(lower, -1.0), np.where(known, upper, np.inf)
    return np.where(known, lower, -np.inf), np.where(known, upper, np.inf)


def correlation(
    treatment: FloatArray, baseline: FloatArray, difference: FloatArray
) -> FloatArray:
    """Return the correlation of two means' errors from three variances by unit.

    Cut to [0, MOST_CORRELATION]: a negative one would be no reason to trust less, and
    one near 1 would make the difference of two unlike sides exact.

    Args:
        treatment: the variance of the treatment's mean.
        baseline: that of the baseline's.
        difference: that of their difference.
    """
    product = np.sqrt(np.maximum(treatment * baseline, 0.0))
    shared = (treatment + baseline - difference) / np.maximum(2 * product, LEAST**2)
    return np.where(product > 0, np.clip(shared, 0.0, MOST_CORRELATION), 0.0)


def _size(group: GroupRewards, sizes: OrderSizes, minimum: float) -> FloatArray:
    """Return phi, the size-biased mean reward of a group above `minimum`."""
    total = sizes.rewards - minimum * sizes.n
    squares = sizes.squared_rewards - 2 * minimum * sizes.rewards + minimum**2 * sizes.n
    largest = sizes.largest - minimum
    pooled = (squares + largest**2) / np.maximum(total + largest, LEAST)
    own = group.rewards - minimum * group.squared_weights
    own_squares = (
        group.squared_rewards
        - 2 * minimum * group.rewards
        + minimum**2 * group.squared_weights
    )
    # Pseudo orders of mean size, at the typical weight of the group.
    typical = group.squared_weights / np.maximum(group.weights, LEAST)
    borrowed = BORROWED_ORDERS * total / np.maximum(sizes.orders, 1.0) * typical**2
    size = (own_squares + borrowed * pooled) / np.maximum(own + borrowed, LEAST)
    return np.where(total > 0, size, 1.0)


def _hypotenuse(
    first: FloatArray, second: FloatArray, correlation: FloatArray | float
) -> FloatArray:
    """Return MOVER's error of a difference from those of its two means."""
    first, second = np.maximum(first, 0.0), np.maximum(second, 0.0)
    squared = first**2 + second**2 - 2 * correlation * first * second
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class _Bounded:
    """A mean with the ends of its sequence."""

    mean: FloatArray
    lower: FloatArray
    upper: FloatArray

    @classmethod
    def above(
        cls,
        minimum: float,
        group: GroupRewards,
        sizes: OrderSizes,
        confidence: float,
        tightest_at: float,
    ) -> "_Bounded":
        """Bound a group's mean, with the lower end cut at the smallest reward."""
        lower, upper = mean_ends(
            group, sizes, sizes.n, confidence, minimum, tightest_at
        )
        return cls(group.mean, np.maximum(lower, minimum), upper)

    def times(self, sign: FloatArray) -> "_Bounded":
        """Return the mean times 1 or -1; the ends change places for -1."""
        return _Bounded(
            sign * self.mean,
            np.where(sign > 0, self.lower, -self.upper),
            np.where(sign > 0, self.upper, -self.lower),
        )


def _lowest_ratio(
    top: _Bounded, bottom: _Bounded, correlation: FloatArray
) -> FloatArray:
    """Return the ratio q at which the lower end of top - q bottom is 0.

    (top - q bottom)² = A² + q² s² - 2 correlation A q s, with A the error of `top`
    below its mean and s that of `bottom` on the side that makes the difference small:
    above its mean for a positive q, below it for a negative one. q is positive if the
    lower end of `top` is.
    """
    positive = top.lower > 0
    side = np.where(positive, bottom.upper - bottom.mean, bottom.mean - bottom.lower)
    errors = top.mean - top.lower, side
    return _root(top.mean, bottom.mean, errors, correlation, -1, stable=positive)


def _highest_ratio(
    top: _Bounded, bottom: _Bounded, correlation: FloatArray
) -> FloatArray:
    """Return the ratio q at which the upper end of top - q bottom is 0."""
    positive = top.upper > 0
    side = np.where(positive, bottom.mean - bottom.lower, bottom.upper - bottom.mean)
    errors = top.upper - top.mean, side
    return _root(top.mean, bottom.mean, errors, correlation, 1, stable=~positive)


def _root(
    top: FloatArray,
    bottom: FloatArray,
    errors: Ends,
    correlation: FloatArray,
    sign: int,
    *,
    stable: BoolArray,
) -> FloatArray:
    """Solve (bottom² - s²) q² - 2 (top bottom - correlation A s) q + top² - A² = 0.

    `stable` is true where the root is taken as the quotient of the constant and a sum
    of like signs. That form also holds where bottom² <= s²: the other root is then no
    solution of the equation before it was squared.
    """
    error, side = errors
    leading = bottom**2 - side**2
    half = top * bottom - correlation * error * side
    constant = top**2 - error**2
    root = np.sqrt(np.maximum(half**2 - leading * constant, 0.0))
    over = half - sign * root
    by_sum = constant / np.where(over == 0, 1.0, over)
    plain = (half + sign * root) / np.where(leading > 0, leading, np.inf)
    return np.where(stable, by_sum, plain)
