"""Intervals by unit, by hand, at their limits and against the ones by decision."""

import math

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.interval import UNBOUNDED
from bandit_svc.ope.sequences.asymptotic import boundary, mean_interval
from bandit_svc.ope.uplift.agreement import carry_over, exclusion
from bandit_svc.ope.uplift.by_unit import (
    Possible,
    Shortage,
    absolute,
    mean,
    relative,
    shortage,
)
from bandit_svc.ope.uplift.columns import (
    BASELINE,
    ONE_STEP,
    RANDOMISED,
    TRAJECTORY,
    TREATMENT,
)
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.sides import (
    effective_units,
    padded_error,
    pooled_design_effect,
    sides,
)
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import JoinedDecisions, totals_over
from bandit_svc.ope.uplift.uplift import absolute_uplift, relative_uplift
from tests.harness.unit_decisions import UnitStore, decisions, random_decisions

WEIGHTINGS = (RANDOMISED, TRAJECTORY, ONE_STEP)
RATE = Possible(0.0, 1.0)


def single_visits(seed: int, n: int = 6_000, level: float = 0.2) -> JoinedDecisions:
    """Return decisions of n units, a fifth of them in the baseline group."""
    random = np.random.default_rng(seed)
    return decisions(
        np.arange(n),
        random.random(n) >= 0.2,
        random.random(n) < level,
        chance=0.2,
        alike=random.random(n) < 0.3,
    )


def totals_of(made: JoinedDecisions) -> Totals:
    return totals_over(made, np.array([made.unit.size - 1])).at(0)


def repeated(made: JoinedDecisions, times: int) -> JoinedDecisions:
    """Return a log in which every decision comes several times, of the same unit."""
    return made.at(np.repeat(np.arange(made.unit.size), times))


def test_with_one_decision_a_unit_the_randomised_uplift_is_that_by_decision() -> None:
    """6,000 units: m / (m - 1) differs from 1 in the fourth digit."""
    made = single_visits(1)
    totals = totals_of(made)
    rewards = made.values[:, 0]
    groups = (
        Moments.of(rewards[made.draws.treated]),
        Moments.of(rewards[~made.draws.treated]),
    )

    for found, plain in (
        (absolute(totals, RANDOMISED, 0.95, RATE), absolute_uplift),
        (relative(totals, RANDOMISED, 0.95, RATE), relative_uplift),
    ):
        expected = plain(*groups, 0.95, 0.0, 1.0)
        assert found.now.estimate == pytest.approx(expected.estimate)
        assert found.now.interval.lower == pytest.approx(
            expected.interval.lower, rel=1e-3
        )
        assert found.now.interval.upper == pytest.approx(
            expected.interval.upper, rel=1e-3
        )


def test_with_one_decision_a_unit_a_groups_mean_is_that_of_its_rewards() -> None:
    made = single_visits(1)
    treated = made.values[made.draws.treated, 0]

    found = mean(totals_of(made), RANDOMISED, TREATMENT, 0.95, RATE).now
    expected = mean_interval(Moments.of(treated), 0.95, 0.0, 1.0)

    assert found.estimate == pytest.approx(treated.mean())
    assert found.interval.lower == pytest.approx(expected.lower, rel=1e-3)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_decisions_that_repeat_their_unit_say_nothing_new(weighting: int) -> None:
    """Four equal decisions a unit: the design effect is 4, the error is unchanged."""
    once = single_visits(2)
    made = repeated(once, 4)
    made.draws.fresh[np.arange(made.unit.size) % 4 > 0] = False
    one, four = sides(totals_of(once), weighting), sides(totals_of(made), weighting)

    assert four.difference_raw() == pytest.approx(one.difference_raw())
    assert four.difference_iid() == pytest.approx(one.difference_iid() / 4)
    assert pooled_design_effect(totals_of(made)) == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_the_error_by_unit_is_the_spread_of_the_units_influences(
    weighting: int,
) -> None:
    """The influences summed by unit, written out from the log."""
    made = random_decisions(seed=4, n=3_000, units=400)
    store = UnitStore.of(made, 3_000)
    found = sides(store.totals, weighting)

    looks = totals_over(made, np.arange(3_000), (0.0, 0.0))
    rows = np.diff(looks.sums, axis=0, prepend=0.0)
    t, b = 2 * weighting, 2 * weighting + 1
    influence = (rows[:, 6 + t] - found.means[0] * rows[:, t]) / rows[:, t].sum()
    influence -= (rows[:, 6 + b] - found.means[1] * rows[:, b]) / rows[:, b].sum()
    by_unit = [influence[made.unit == u].sum() for u in range(400)]
    whole = np.concatenate([by_unit, influence[made.unit < 0]])
    m = float(store.totals.units)

    assert found.difference_raw() == pytest.approx((whole**2).sum() * m / (m - 1))
    assert found.difference_iid() == pytest.approx((influence**2).sum())


def test_the_half_width_by_hand() -> None:
    """1,000 units of 2 equal decisions a group; half of the rewards are 1.

    The variance .25 stays so when padded, the design effect is 2 (1,999 / 2,000 less
    the one unit): (2 * .25 / 2,000) * 2 * m / (m - 1) with m = 2,000.
    """
    unit = np.repeat(np.arange(2_000), 2)
    made = decisions(unit, unit % 2 == 0, (unit // 2) % 2, chance=0.5)
    found = absolute(totals_of(made), RANDOMISED, 0.95, RATE).now

    error = math.sqrt(2 * 0.25 / 2_000 * 2 * 2_000 / 1_999)
    half = boundary(4_000.0, 0.95) * math.sqrt(4_000) * error
    assert found.interval.lower == pytest.approx(-half)
    assert found.interval.upper == pytest.approx(half)


def test_pseudo_rewards_have_the_largest_weight_of_the_group() -> None:
    """8 baseline decisions at .5 and 2 at .1: weights 2 and 10, of sum 36 and 232.

    The largest is 10 * 36 / 232 times the mean weight by weight, for which the padding
    of sequences/asymptotic.py would be right.
    """
    chance = np.where(np.arange(10) < 8, 0.5, 0.1)
    made = decisions(
        np.arange(10), np.zeros(10, dtype=np.bool_), np.zeros(10), chance=chance
    )
    two = sides(totals_of(made), RANDOMISED)

    assert two.heaviest[BASELINE] == pytest.approx(360 / 232)
    e = 36**2 / 232
    expected = (360 / 232) ** 2 * (8 / 4) / (e + 8) / e
    assert padded_error(two, BASELINE, 0.95, 1.0) == pytest.approx(expected)


def test_no_interval_is_shown_under_50_effective_units_of_a_group() -> None:
    """49 baseline units of 20 decisions: 980 decisions are not enough."""
    unit = np.repeat(np.arange(549), 20)
    made = decisions(unit, unit >= 49, unit % 2, chance=0.1)
    totals = totals_of(made)

    assert effective_units(totals)[BASELINE] == pytest.approx(49)
    assert shortage(totals, RATE) == Shortage("units", BASELINE, 49.0, 50)
    assert absolute(totals, TRAJECTORY, 0.95, RATE).now.interval == UNBOUNDED
    assert absolute(totals, TRAJECTORY, 0.95, RATE).now.estimate is not None
    assert relative(totals, TRAJECTORY, 0.95, RATE).now.interval == UNBOUNDED


def test_units_that_come_more_often_count_as_fewer_effective_units() -> None:
    """1 unit of 10 decisions and 10 of one: 20² / (100 + 10) units."""
    unit = np.array([0] * 10 + list(range(1, 11)))
    made = decisions(unit, np.zeros(20, dtype=np.bool_), np.zeros(20))

    assert effective_units(totals_of(made))[BASELINE] == pytest.approx(400 / 110)
    assert effective_units(totals_of(made))[TREATMENT] == 0


def test_an_empty_log_has_no_numbers() -> None:
    totals = Totals.empty()

    for weighting in WEIGHTINGS:
        assert absolute(totals, weighting, 0.95, RATE).now.estimate is None
        assert relative(totals, weighting, 0.95, RATE).now.interval == UNBOUNDED
    assert pooled_design_effect(totals) == 1
    assert shortage(totals) == Shortage("units", BASELINE, 0.0, 50)


def test_the_trajectory_uplift_is_never_noisier_than_the_randomised() -> None:
    made = random_decisions(seed=6, n=6_000, units=900)
    totals = UnitStore.of(made, 6_000).totals
    error = [float(sides(totals, w).difference_raw()) for w in WEIGHTINGS]

    assert error[TRAJECTORY] < error[RANDOMISED]


def test_looks_side_by_side_are_the_looks_one_by_one() -> None:
    made = random_decisions(seed=6, n=2_000, units=900)
    over = totals_over(made, np.arange(2_000), (0.0, 0.0))

    for weighting in WEIGHTINGS:
        for bound in (absolute, relative):
            whole = bound(over, weighting, 0.95, RATE)
            for look in (700, 1_999):
                one = bound(over.at(look), weighting, 0.95, RATE)
                assert whole.lower[look] == pytest.approx(float(one.lower))
                assert whole.upper[look] == pytest.approx(float(one.upper))


def test_a_relative_interval_holds_the_ratios_that_its_error_allows() -> None:
    """At each end, (top - r bottom)² is the squared half width of that difference."""
    made = single_visits(3)
    totals = totals_of(made)
    found = relative(totals, TRAJECTORY, 0.95, RATE).now
    two = sides(totals, TRAJECTORY)
    n = float(two.decisions)
    squared_reach = n * boundary(n, 0.95) ** 2

    for end in (found.interval.lower, found.interval.upper):
        assert end is not None
        gap = two.means[0] - (1 + end) * two.means[1]
        # Padding adds about a thousandth at 1,200 decisions of the baseline.
        expected = squared_reach * two.difference_iid(1 + end)
        assert gap**2 == pytest.approx(float(expected), rel=0.02)


def test_money_has_an_interval_from_30_orders_on() -> None:
    random = np.random.default_rng(19)
    n = 4_000
    orders = np.where(random.random(n) < 0.05, random.lognormal(3, 1, n), 0.0)
    money = Possible(0.0, None)

    def totals(values: FloatArray) -> Totals:
        made = single_visits(9, n)
        return totals_of(JoinedDecisions(made.unit, made.draws, values[:, None]))

    few = np.where(np.cumsum(orders > 0) <= 29, orders, 0.0)
    assert shortage(totals(few), money) == Shortage("orders", None, 29.0, 30)
    assert absolute(totals(few), TRAJECTORY, 0.95, money).now.interval == UNBOUNDED
    for weighting in WEIGHTINGS:
        found = absolute(totals(orders), weighting, 0.95, money).now.interval
        assert found.lower is not None
        assert found.upper is not None
        assert found.lower < 0 < found.upper


def test_weightings_of_units_with_one_decision_agree_exactly() -> None:
    found = carry_over(totals_of(single_visits(7)), 0.95).now

    assert found.interval.lower is not None
    assert found.interval.upper is not None
    assert found.interval.lower <= 0 <= found.interval.upper
    assert found.interval.upper < 1e-8


def test_a_group_that_acts_other_than_through_what_is_shown_is_found() -> None:
    """The baseline's rewards are .4 higher whatever it shows."""
    random = np.random.default_rng(11)
    n = 20_000
    treated = random.random(n) >= 0.2
    made = decisions(
        np.arange(n),
        treated,
        random.random(n) < np.where(treated, 0.2, 0.6),
        chance=0.2,
        alike=random.random(n) < 0.3,
    )
    found = exclusion(totals_of(made), 0.95).now.interval

    assert found.lower is not None
    assert found.lower > 0
