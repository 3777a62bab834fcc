"""The ratio of two sums by unit, in two groups."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.metrics.ratio import (
    EACH,
    Ratio,
    group_ratio,
    ratio_difference,
    ratio_shortage,
    ratio_sides,
)
from bandit_svc.ope.uplift.by_unit import Possible, absolute
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, totals_over
from tests.harness.unit_decisions import decisions

REVENUE, ORDERS, FIRST = 0, 1, 2
CROSSED = ((0, 1), (0, 2), (1, 2))
BASKET = Ratio(REVENUE, ORDERS)
PERSON = Ratio(REVENUE, FIRST, by_unit=True)


def log(seed: int = 3, n: int = 4_000, units: int = 1_500) -> JoinedDecisions:
    """Return visits of units; one in three orders, some in both groups alike."""
    random = np.random.default_rng(seed)
    unit = random.integers(0, units, n)
    treated = (random.random(units) >= 0.5)[unit]
    orders = (random.random(n) < 1 / 3).astype(np.float64)
    revenue = orders * random.integers(10, 60, n)
    first = np.zeros(n)
    first[np.unique(unit, return_index=True)[1]] = 1
    values = np.column_stack([revenue, orders, first])
    alike = random.random(n) < 0.3
    return decisions(unit, treated, values, chance=0.5, alike=alike)


def totals_of(made: JoinedDecisions) -> Totals:
    return totals_over(made, np.array([made.unit.size - 1]), crossed=CROSSED).at(0)


@pytest.mark.parametrize("ratio", [BASKET, PERSON, Ratio(EACH, FIRST, by_unit=True)])
def test_ratio_and_error_are_those_of_the_units(ratio: Ratio) -> None:
    """Sum up units one by one, and hold the delta method against the sums."""
    made = log()
    two = ratio_sides(totals_of(made), RANDOMISED, ratio)
    values = np.column_stack([made.values, np.ones(made.unit.size)])
    squared = []
    for group, treated in enumerate((True, False)):
        mine = made.draws.treated == treated
        x, y = (
            np.bincount(made.unit[mine], values[mine, place], made.unit.max() + 1)
            for place in (ratio.numerator, ratio.denominator)
        )
        value = x.sum() / y.sum()
        units = np.unique(made.unit).size
        error = ((x - value * y) ** 2).sum() / y.sum() ** 2 * units / (units - 1)
        squared.append(error)
        assert two.ratios[group] == pytest.approx(value)
        assert two.raw[group] == pytest.approx(error)
        assert two.units[group] == pytest.approx(y.sum() ** 2 / (y**2).sum())
    assert two.difference_raw == pytest.approx(sum(squared))


def test_the_trajectory_has_the_same_ratios_but_for_noise() -> None:
    totals = totals_of(log(n=40_000, units=15_000))
    plain = ratio_sides(totals, RANDOMISED, BASKET)
    weighed = ratio_sides(totals, TRAJECTORY, BASKET)

    for group in (0, 1):
        assert weighed.ratios[group] == pytest.approx(plain.ratios[group], rel=0.02)


def test_no_interval_is_narrower_than_its_error_by_unit() -> None:
    for ratio in (BASKET, PERSON):
        two = ratio_sides(totals_of(log()), RANDOMISED, ratio)
        band = ratio_difference(two, RANDOMISED, 0.95)
        error = float(two.difference_raw) ** 0.5

        assert bool(band.enough)
        assert band.lower < band.estimate - 2.5 * error
        assert band.upper > band.estimate + 2.5 * error


def test_one_order_a_decision_is_the_mean_of_money() -> None:
    """With a denominator of 1 everywhere both say the same of the mean."""
    made = log()
    made.values[:, ORDERS] = 1.0
    totals = totals_of(made)
    two = ratio_sides(totals, RANDOMISED, BASKET)
    mean = absolute(totals, RANDOMISED, 0.95, Possible(0.0, None))
    band = ratio_difference(two, RANDOMISED, 0.95)

    assert band.estimate == pytest.approx(float(mean.estimate))
    assert band.upper - band.lower == pytest.approx(
        float(mean.upper - mean.lower), rel=0.1
    )


def test_relative_is_the_difference_over_the_baseline() -> None:
    two = ratio_sides(totals_of(log()), RANDOMISED, BASKET)
    plain = ratio_difference(two, RANDOMISED, 0.95)
    share = ratio_difference(two, RANDOMISED, 0.95, relative=True)

    assert share.estimate == pytest.approx(float(plain.estimate) / float(two.ratios[1]))
    assert share.lower < share.estimate < share.upper
    mine = group_ratio(two, 1, 0.95)
    assert mine.lower < mine.estimate < mine.upper


def test_a_group_without_a_denominator_has_no_ratio() -> None:
    made = log()
    made.values[~made.draws.treated, :2] = 0.0
    two = ratio_sides(totals_of(made), RANDOMISED, BASKET)
    missing = ratio_shortage(two)

    assert np.isnan(two.ratios[1])
    assert missing is not None
    assert (missing.of, missing.group, missing.found) == ("units", 1, 0)
    assert ratio_difference(two, RANDOMISED, 0.95).now.estimate is None


def test_few_rows_with_a_numerator_are_a_shortage() -> None:
    made = log()
    made.values[29:, REVENUE] = 0.0
    missing = ratio_shortage(ratio_sides(totals_of(made), RANDOMISED, BASKET))

    assert missing is not None
    assert missing.of == "orders"


def test_sums_with_products_of_values_come_back_from_bytes() -> None:
    totals = totals_of(log())
    again = Totals.from_bytes(totals.to_bytes())

    assert again.columns == totals.columns
    assert again.to_bytes() == totals.to_bytes()
    with pytest.raises(LoggedDataError, match="begin the sums anew"):
        again.with_values(5)
