"""Compare two groups by the ratio of two sums, at every look.

Owns the intervals of ratio metrics, such as revenue an order, and of totals a unit.
With w the weights of history_weights.py, x and y the numerator and the denominator of a
decision, the ratio of group g is

    R_g = sum w x / sum w y,

a ratio of sums over units like a mean, whose weights are w y in place of w. So unit u
moves it by (X_u - R_g Y_u) / sum w y (Deng, Knoblich and Lu 2018), and its sums of
squares are kept already, but for products of two different values (columns.py,
`crossed`). The denominator is a value, every decision, or 1 at the first decision of a
unit and 0 later: then R_g is the total a unit so far.

A ratio has no declared range, so that its bounds are those of money.py, with decisions
as rows, or units for a total a unit. The variance that a row's size implies there is
raised to that by unit of the linear form, which also holds where sizes follow the
denominator. The boundary counts decisions: a total moves with each of them, also when
no new unit comes.

No interval before each group has MINIMAL_UNITS effective units *with a denominator*,
and money.MINIMAL_ORDERS rows with a numerator. No part is ever below 0. It is
asymptotic, and measured: `make bench-truth BENCH_ARGS="--cells metrics"`.

A total a unit is that of the units that have come, up to now: of one that came a
moment ago it is small, and it grows as units come back. Both groups began at the same
times, so that the difference is fair at each moment, and its interval is of what that
moment's totals are expected to differ by. It is not the total of a whole life.

References:
    Deng, Knoblich and Lu (2018), "Applying the delta method in metric analytics", KDD.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT
from bandit_svc.ope.uplift import money
from bandit_svc.ope.uplift.by_unit import Band, Shortage
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    RANDOMISED,
    TREATMENT,
    value_column,
    weight_column,
)
from bandit_svc.ope.uplift.sides import (
    GROUPS,
    MINIMAL_UNITS,
    Pair,
    Part,
    few_units_factor,
    product,
)
from bandit_svc.ope.uplift.totals import LARGEST, ORDERS, SQUARES, TOTAL, Totals

EACH = -1
"""In place of a value: 1 for each decision."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Ratio:
    """Which sums are divided.

    Attributes:
        numerator: a value, or EACH.
        denominator: likewise.
        by_unit: true if the denominator is 1 at a unit's first decision alone.
    """

    numerator: int
    denominator: int
    by_unit: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RatioSides:
    """Both groups' ratios and what their intervals need; shapes (...) each.

    Attributes:
        ratios: of treatment and baseline; NaN without a denominator.
        rows: effective decisions or units with a denominator.
        raw: squared standard errors by unit.
        difference_raw: that of the difference.
        groups: as money.py takes them.
        sizes: likewise.
        units: effective units with a denominator, by the randomised weighting.
    """

    ratios: Pair
    rows: Pair
    raw: Pair
    difference_raw: FloatArray
    groups: tuple[money.GroupRewards, money.GroupRewards]
    sizes: money.OrderSizes
    units: Pair


def ratio_sides(totals: Totals, weighting: int, ratio: Ratio) -> RatioSides:
    """Return both groups' ratios and their errors for one weighting."""
    forms = [_form(totals, weighting, group, ratio) for group in GROUPS]
    values, parts = [form[0] for form in forms], [form[1] for form in forms]
    more = few_units_factor(totals)
    raw = [np.maximum(more * product(totals, totals.by_unit, p, p), 0) for p in parts]
    shared = more * product(totals, totals.by_unit, *parts)
    rows = [_effective(totals, RANDOMISED, group, ratio) for group in GROUPS]
    products = totals.by_unit if ratio.by_unit else totals.by_decision
    drafts = [
        _rewards(totals, products, (weighting, group), ratio, value)
        for group, value in zip(GROUPS, values, strict=True)
    ]
    effects = [_effect(*pair) for pair in zip(drafts, raw, strict=True)]
    n = np.maximum(rows[TREATMENT] + rows[BASELINE], 1.0)
    pooled = (
        rows[TREATMENT] * effects[TREATMENT] + rows[BASELINE] * effects[BASELINE]
    ) / n
    treatment, baseline = (
        _with_effect(draft, np.maximum(effect, np.maximum(pooled, 1.0)))
        for draft, effect in zip(drafts, effects, strict=True)
    )
    units = [_units(totals, group, ratio) for group in GROUPS]
    return RatioSides(
        (values[TREATMENT], values[BASELINE]),
        (rows[TREATMENT], rows[BASELINE]),
        (raw[TREATMENT], raw[BASELINE]),
        np.maximum(raw[TREATMENT] + raw[BASELINE] - 2 * shared, 0.0),
        (treatment, baseline),
        _sizes(totals, ratio),
        (units[TREATMENT], units[BASELINE]),
    )


def ratio_difference(
    two: RatioSides,
    weighting: int,
    confidence: float,
    *,
    relative: bool = False,
    tightest_at: float = OPTIMISED_COUNT,
) -> Band:
    """Bound R_T - R_B, or that as a share of R_B, at every look.

    Args:
        two: of `ratio_sides`, with the same weighting.
        weighting: RANDOMISED, TRAJECTORY or ONE_STEP.
        confidence: in (0, 1), for all looks together.
        relative: as a share of R_B; infinite ends where that may be 0.
        tightest_at: the decisions at which the boundary is tightest.
    """
    top, bottom = two.ratios
    bound: Callable[..., money.Ends] = money.difference_ends
    estimate = top - bottom
    if relative:
        bound = money.relative_ends
        some = np.where(bottom > 0, bottom, np.nan)
        estimate = top / some - 1
    shared: FloatArray | float = 0.0
    if weighting != RANDOMISED:
        shared = money.correlation(*two.raw, two.difference_raw)
    rest = two.sizes, confidence, 0.0, shared
    lower, upper = bound(*two.groups, *rest, tightest_at=tightest_at)
    return Band(np.asarray(estimate), lower, upper, _enough(two, GROUPS))


def group_ratio(two: RatioSides, group: int, confidence: float) -> Band:
    """Bound one group's ratio, at every look."""
    count = np.maximum(two.rows[group], 1.0)
    lower, upper = money.mean_ends(two.groups[group], two.sizes, count, confidence, 0.0)
    enough = _enough(two, (group,))
    return Band(two.ratios[group], np.maximum(lower, 0.0), upper, enough)


def ratio_shortage(two: RatioSides) -> Shortage | None:
    """Return what is missing for an interval now; None if nothing is.

    Its units are those with a denominator, its orders rows with a numerator.
    """
    group = min(reversed(GROUPS), key=lambda one: float(two.units[one]))
    found = float(two.units[group])
    if found < MINIMAL_UNITS:
        return Shortage("units", group, found, MINIMAL_UNITS)
    orders = float(two.sizes.orders)
    if orders < money.MINIMAL_ORDERS:
        return Shortage("orders", None, orders, money.MINIMAL_ORDERS)
    return None


def _enough(two: RatioSides, groups: tuple[int, ...]) -> BoolArray:
    least = np.minimum.reduce([two.units[group] for group in groups])
    return np.asarray((least >= MINIMAL_UNITS) & two.sizes.enough)


def _column(value: int, weighting: int, group: int) -> int:
    if value == EACH:
        return weight_column(weighting, group)
    return value_column(weighting, group, value)


def _form(
    totals: Totals, weighting: int, group: int, ratio: Ratio
) -> tuple[FloatArray, Part]:
    """Return a ratio (NaN without a denominator) and its linear form."""
    x = _column(ratio.numerator, weighting, group)
    y = _column(ratio.denominator, weighting, group)
    whole = totals.sums[..., y]
    some = np.where(whole > 0, whole, 1.0)
    value = totals.sums[..., x] / some
    return np.where(whole > 0, value, np.nan), ((x, 1 / some), (y, -value / some))


def _effective(totals: Totals, weighting: int, group: int, ratio: Ratio) -> FloatArray:
    """Return the effective rows with a denominator."""
    products = totals.by_unit if ratio.by_unit else totals.by_decision
    return _worth(totals, products, weighting, group, ratio)


def _units(totals: Totals, group: int, ratio: Ratio) -> FloatArray:
    return _worth(totals, totals.by_unit, RANDOMISED, group, ratio)


def _worth(
    totals: Totals, products: FloatArray, weighting: int, group: int, ratio: Ratio
) -> FloatArray:
    y = _column(ratio.denominator, weighting, group)
    squares = products[..., totals.columns.pair_index[y, y]]
    return np.asarray(totals.sums[..., y] ** 2 / np.where(squares > 0, squares, 1.0))


def _rewards(
    totals: Totals,
    products: FloatArray,
    side: tuple[int, int],
    ratio: Ratio,
    value: FloatArray,
) -> money.GroupRewards:
    """Return a group as money.py takes it: the rewards are x / y, the weights w y."""
    x, y = _column(ratio.numerator, *side), _column(ratio.denominator, *side)
    index = totals.columns.pair_index
    return money.GroupRewards(
        mean=np.nan_to_num(value),
        weights=totals.sums[..., y],
        squared_weights=products[..., index[y, y]],
        rewards=products[..., index[x, y]],
        squared_rewards=products[..., index[x, x]],
        design_effect=np.ones(()),
    )


def _effect(group: money.GroupRewards, raw: FloatArray) -> FloatArray:
    """Return the variance by unit over that of the size of rows, at least 1."""
    size = group.squared_rewards / np.maximum(group.rewards, money.LEAST)
    spread = size * group.mean - group.mean**2
    implied = spread / np.maximum(group.effective_decisions, money.LEAST)
    # Rows of equal size have no variance; what is left of it is rounding.
    real = implied > _SLACK * group.mean**2
    return np.where(real, np.maximum(raw / np.where(real, implied, 1.0), 1.0), 1.0)


def _with_effect(group: money.GroupRewards, effect: FloatArray) -> money.GroupRewards:
    return money.GroupRewards(
        group.mean,
        group.weights,
        group.squared_weights,
        group.rewards,
        group.squared_rewards,
        effect,
    )


def _sizes(totals: Totals, ratio: Ratio) -> money.OrderSizes:
    """Return the sizes of rows of both groups together, without weights.

    Kept are those of decisions. Of units, squares are those by unit, at the typical
    weight of a group; other sizes grow as the size-biased mean does. With another value
    as the denominator they are by its mean where it is not 0.
    """
    n = np.maximum(totals.decisions.sum(axis=-1), 1.0)
    total, squares, orders, largest = _plain(totals, ratio.numerator)
    if ratio.by_unit:
        whole = np.zeros(())
        for group in GROUPS:
            x = _column(ratio.numerator, RANDOMISED, group)
            y = _column(ratio.denominator, RANDOMISED, group)
            index = totals.columns.pair_index
            weights = totals.by_unit[..., index[y, y]]
            typical = weights / np.maximum(totals.sums[..., y], money.LEAST)
            own = totals.by_unit[..., index[x, x]]
            whole = whole + own / np.maximum(typical, money.LEAST) ** 2
        grown = np.maximum(whole / np.maximum(squares, money.LEAST), 1.0)
        return money.OrderSizes(n, total, whole, orders / grown, largest * grown)
    below, _, rows, _ = _plain(totals, ratio.denominator)
    mean = below / np.maximum(rows, 1.0)
    mean = np.where(mean > 0, mean, 1.0)
    return money.OrderSizes(n, total / mean, squares / mean**2, orders, largest / mean)


def _plain(
    totals: Totals, value: int
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return sum, squares, number of values other than the usual one, and largest."""
    if value == EACH:
        n = totals.decisions.sum(axis=-1)
        return n, n, n, np.ones(())
    plain = totals.plain[..., value, :]
    orders = plain[..., ORDERS]
    if totals.usual[value] != 0:
        # The usual value is no 0: each decision has a numerator.
        orders = totals.decisions.sum(axis=-1)
    largest = np.maximum(plain[..., LARGEST], 0.0)
    return plain[..., TOTAL], plain[..., SQUARES], orders, largest
