"""The planner says what a simulation by the product's own intervals finds."""

import numpy as np
import pytest

from bandit_svc.ope.planning.comparison import CHANCES, Comparison
from benchmarks.truth.parts.planner import Setting, simulated

RUNS = 120


@pytest.mark.statistical
@pytest.mark.parametrize(
    "setting",
    [
        Setting(0.2, 0.4, 0.3),
        Setting(0.2, 0.4, 0.3, 3.0, 0.2),
        Setting(0.1, 0.8, 0.4, 2.0, 0.1, order=50.0),
    ],
    ids=["once", "returning", "money"],
)
def test_durations_are_those_of_a_simulation(setting: Setting) -> None:
    """Median and 80 % of 120 runs, seed 23.

    Simulated quantiles of 120 runs have standard errors of 7 to 10 %, so that 30 % is
    three of them; benchmarks/truth has 300 runs in 13 settings.
    """
    found = np.quantile(simulated("test", setting, RUNS), CHANCES)

    assert setting.comparison.counts() == pytest.approx(found, rel=0.3)


def test_sigma_is_that_of_two_independent_means() -> None:
    one = Comparison(base=0.1, lift=0.5, holdout=0.2)

    # By hand: sqrt(.15 * .85 / .8 + .1 * .9 / .2) = sqrt(.159375 + .45).
    assert one.deviation == pytest.approx(0.609375**0.5)
    assert one.design_effect == 1


def test_units_that_return_and_are_alike_make_it_longer() -> None:
    alone = Comparison(base=0.1, lift=0.3, visits=3.0)
    alike = Comparison(base=0.1, lift=0.3, visits=3.0, icc=0.2)

    assert alike.design_effects[1] == pytest.approx(1 + 2 * 2 * 0.2)
    assert alike.counts().median > alone.counts().median


def test_a_boundary_that_is_tight_where_it_ends_is_sooner_there() -> None:
    usual = Comparison(base=0.05, lift=0.05, visits=2.0)
    planned = Comparison(
        base=0.05, lift=0.05, visits=2.0, tightest_at=usual.counts().most
    )

    assert planned.counts().most < usual.counts().most


def test_no_interval_is_planned_before_there_are_enough_units_and_orders() -> None:
    """At least 50 units of the smaller group, by hand 50 / 0.1; or 30 orders."""
    many = Comparison(base=0.5, lift=0.9, holdout=0.1)
    few = Comparison(base=1.0, lift=5.0, holdout=0.1, sd=50.0)

    assert many.first == pytest.approx(500)
    assert few.first == pytest.approx(30 * (50**2 + 1))
    assert few.counts().median >= few.first
