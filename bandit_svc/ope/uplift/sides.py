"""Read the means of two groups and their errors from sums by unit.

Owns the means, their squared standard errors by decision and by unit, the effective
decisions and units, and the design effect, for each weighting, now or at each of many
looks. by_unit.py makes intervals of them and says why they hold.

With S the sums of weights w and weighted values x of group g, the mean is
m_g = S_x / S_w, a ratio of sums over units. Linearised (Deng, Knoblich and Lu 2018),
unit u moves it by (x_u - m_g w_u) / S_w, with x_u and w_u its sums; so quadratic forms
of the kept products, by_unit and by_decision, are its squared errors.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray
from bandit_svc.ope.sequences.asymptotic import boundary, padded_variance
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    RANDOMISED,
    TREATMENT,
    value_column,
    weight_column,
)
from bandit_svc.ope.uplift.totals import Totals

MINIMAL_UNITS = 50
"""Effective units of a group before an interval is shown."""
GROUPS = (TREATMENT, BASELINE)
Part = tuple[tuple[int, FloatArray], ...]
"""Coefficients by column: a linear form of y."""
Pair = tuple[FloatArray, FloatArray]
"""One array of the treatment group and one of the baseline group."""


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """The two group means with the parts of their errors; shapes (...) each.

    `iid` and `raw` are squared standard errors as if decisions were independent, and by
    unit; `shared` parts are the covariances of the two means.

    Attributes:
        decisions: that the boundary counts.
        means: of treatment and baseline.
        counts: effective decisions of each.
        heaviest: the largest weight of each over its mean weight by weight, at least 1.
        iid: of each.
        raw: of each.
        shared_iid: covariance.
        shared_raw: covariance.
    """

    decisions: FloatArray
    means: Pair
    counts: Pair
    heaviest: Pair
    iid: Pair
    raw: Pair
    shared_iid: FloatArray
    shared_raw: FloatArray

    def reach(self, confidence: float, tightest_at: float) -> FloatArray:
        """Return z(n): the boundary in standard errors of a mean of n decisions."""
        n = np.maximum(self.decisions, 1.0)
        return np.asarray(boundary(n, confidence, tightest_at=tightest_at) * np.sqrt(n))

    def difference_iid(self, ratio: FloatArray | float = 1.0) -> FloatArray:
        """Return the iid squared error of m_T - ratio m_B."""
        return _spread(self.iid, self.shared_iid, ratio)

    def difference_raw(self, ratio: FloatArray | float = 1.0) -> FloatArray:
        """Return the squared error by unit of m_T - ratio m_B."""
        return _spread(self.raw, self.shared_raw, ratio)


def effective_units(totals: Totals) -> Pair:
    """Return the effective units of each group, (...) each.

    (sum of weights)² over the sum over units of their squared sums of weights: the
    number of units of equal weight that would be worth as much.
    """
    treatment, baseline = (
        _effective(totals, totals.by_unit, RANDOMISED, group)
        for group in (TREATMENT, BASELINE)
    )
    return treatment, baseline


def enough_units(totals: Totals) -> BoolArray:
    """Return true where both groups have MINIMAL_UNITS effective units."""
    return np.asarray(np.minimum(*effective_units(totals)) >= MINIMAL_UNITS)


def pooled_design_effect(totals: Totals, value: int = 0) -> FloatArray:
    """Return the design effect of both groups' decisions together, at least 1.

    The mean of the groups' own ones, weighted by decisions: the variance of a mean by
    unit over its variance if decisions were independent.
    """
    own = own_effects(sides(totals, RANDOMISED, value))
    n = totals.decisions
    weighted = n[..., TREATMENT] * own[0] + n[..., BASELINE] * own[1]
    return np.asarray(
        np.where(n.sum(axis=-1) > 0, weighted / np.maximum(n.sum(axis=-1), 1.0), 1.0)
    )


def sides(totals: Totals, weighting: int, value: int = 0) -> Sides:
    """Return both group means and their errors for one weighting and value."""
    forms = [mean_form(totals, weighting, group, value) for group in GROUPS]
    means = [np.where(whole > 0, mean, np.nan) for mean, whole, _ in forms]
    parts = [part for _, _, part in forms]
    more = few_units_factor(totals)
    iid = [product(totals, totals.by_decision, p, p) for p in parts]
    raw = [more * product(totals, totals.by_unit, p, p) for p in parts]
    return Sides(
        totals.decisions.sum(axis=-1),
        (means[0], means[1]),
        (
            _effective(totals, totals.by_decision, weighting, TREATMENT),
            _effective(totals, totals.by_decision, weighting, BASELINE),
        ),
        (
            _heaviest(totals, weighting, TREATMENT),
            _heaviest(totals, weighting, BASELINE),
        ),
        (np.maximum(iid[0], 0.0), np.maximum(iid[1], 0.0)),
        (np.maximum(raw[0], 0.0), np.maximum(raw[1], 0.0)),
        product(totals, totals.by_decision, *parts),
        more * product(totals, totals.by_unit, *parts),
    )


def padded_error(two: Sides, group: int, confidence: float, width: float) -> FloatArray:
    """Return a mean's squared error, padded, as if decisions were independent.

    With pseudo-rewards at both ends of a range of `width`, of the group's largest
    weight; see sequences/asymptotic.py.
    """
    e = np.maximum(two.counts[group], 1.0)
    own = padded_variance(e, two.iid[group] * e, 0.0, confidence) / e
    return np.asarray(own + pseudo_error(two, group, confidence, width))


def pseudo_error(two: Sides, group: int, confidence: float, width: float) -> FloatArray:
    """Return what the pseudo-rewards add to a mean's squared error."""
    e = np.maximum(two.counts[group], 1.0)
    added = padded_variance(e, np.zeros_like(e), width, confidence) / e
    return np.asarray(two.heaviest[group] ** 2 * added)


def mean_form(
    totals: Totals, weighting: int, group: int, value: int
) -> tuple[FloatArray, FloatArray, Part]:
    """Return a mean (0 before any weight), its weights' sum, and its linear form."""
    whole = totals.sums[..., weight_column(weighting, group)]
    some = np.where(whole > 0, whole, 1.0)
    mean = totals.sums[..., value_column(weighting, group, value)] / some
    form = (
        (value_column(weighting, group, value), 1 / some),
        (weight_column(weighting, group), -mean / some),
    )
    return mean, whole, form


def few_units_factor(totals: Totals) -> FloatArray:
    """Return m / (m - 1) for m units; 1 for one unit."""
    return np.asarray(totals.units / np.maximum(totals.units - 1, 1.0))


def product(
    totals: Totals, products: FloatArray, first: Part, second: Part
) -> FloatArray:
    """Return first' products second, for coefficients by column."""
    index = totals.columns.pair_index
    whole: FloatArray = np.zeros(())
    for i, a in first:
        for j, b in second:
            whole = whole + a * b * products[..., index[i, j]]
    return whole


def _effective(
    totals: Totals, products: FloatArray, weighting: int, group: int
) -> FloatArray:
    column = weight_column(weighting, group)
    squares = products[..., totals.columns.pair_index[column, column]]
    return np.asarray(
        totals.sums[..., column] ** 2 / np.where(squares > 0, squares, 1.0)
    )


def _heaviest(totals: Totals, weighting: int, group: int) -> FloatArray:
    column = weight_column(weighting, group)
    squares = totals.by_decision[..., totals.columns.pair_index[column, column]]
    # sum of w² over sum of w: the weight of a decision drawn by weight.
    ratio = totals.heaviest[..., column] * totals.sums[..., column]
    return np.maximum(ratio / np.where(squares > 0, squares, 1.0), 1.0)


def _spread(
    own: Pair,
    shared: FloatArray,
    ratio: FloatArray | float,
) -> FloatArray:
    whole = own[0] - 2 * ratio * shared + np.square(ratio) * own[1]
    return np.maximum(whole, 0.0)


def own_effects(two: Sides) -> Pair:
    """Return the design effect of each group by itself."""
    treatment, baseline = (
        design_effect(raw, iid) for raw, iid in zip(two.raw, two.iid, strict=True)
    )
    return treatment, baseline


def design_effect(raw: FloatArray, iid: FloatArray) -> FloatArray:
    """Return the variance by unit over that by decision, at least 1."""
    return np.where(iid > 0, np.maximum(1.0, raw / np.where(iid > 0, iid, 1.0)), 1.0)
