"""The uplift by unit without what a covariate explains."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.by_unit import Possible, absolute
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY
from bandit_svc.ope.uplift.covariate import adjusted
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.ope.uplift.unit_sums import added
from tests.harness.unit_decisions import SHOWN_ALIKE, decisions

RATE = Possible(0.0, 1.0)


def totals(seed: int, *, explains: float, effect: float = 0.0) -> Totals:
    """Return sums of 2,000 units of 3 decisions; the covariate is the units' own."""
    random = np.random.default_rng(seed)
    units, n = 2_000, 6_000
    x = random.random(units)
    unit = np.repeat(np.arange(units), 3)
    treated = (random.random(units) >= 0.2)[unit]
    alike = ~treated | (random.random(n) < SHOWN_ALIKE)
    # The group acts through the action alone.
    level = 0.5 + explains * (x[unit] - 0.5) + effect / (1 - SHOWN_ALIKE) * ~alike
    rewards = np.clip(level + random.normal(0, 0.1, n), 0, 1)
    made = decisions(
        unit,
        treated,
        np.column_stack([rewards, x[unit]]),
        chance=0.2,
        alike=alike,
    )
    return added(Totals.empty((0.0, 0.0), crossed=2), [None] * units, made).totals


@pytest.mark.parametrize("weighting", [RANDOMISED, TRAJECTORY])
def test_a_covariate_that_explains_the_rewards_narrows_the_interval(
    weighting: int,
) -> None:
    """Explained is .8² / 12 of the variance of a unit's mean, .1² / 3 is not: 94 %."""
    sums = totals(1, explains=0.8, effect=0.05)
    plain = absolute(sums, weighting, 0.95, RATE).now.interval
    found = adjusted(sums, weighting, 0.95, RATE)
    narrow = found.band.now

    assert found.variance_reduction == pytest.approx(0.94, abs=0.02)
    assert narrow.estimate == pytest.approx(0.05, abs=0.01)
    assert plain.lower is not None
    assert narrow.interval.lower is not None
    assert plain.upper is not None
    assert narrow.interval.upper is not None
    width = narrow.interval.upper - narrow.interval.lower
    assert width < 0.5 * (plain.upper - plain.lower)
    assert narrow.interval.lower > 0


def test_a_covariate_that_explains_nothing_changes_nothing() -> None:
    sums = totals(2, explains=0.0)
    plain, found = (
        absolute(sums, TRAJECTORY, 0.95, RATE).now,
        adjusted(sums, TRAJECTORY, 0.95, RATE).band.now,
    )

    assert found.estimate == pytest.approx(plain.estimate, abs=0.002)
    assert found.interval.upper == pytest.approx(plain.interval.upper, rel=0.05)


def test_a_constant_covariate_removes_nothing() -> None:
    made = decisions(
        np.arange(400), np.arange(400) % 2 == 0, np.ones((400, 2)), chance=0.5
    )
    sums = added(Totals.empty((0.0, 0.0), crossed=2), [None] * 400, made).totals

    assert adjusted(sums, RANDOMISED, 0.95, RATE).band.now.estimate == 0


def test_sums_without_a_covariate_and_money_are_refused() -> None:
    with pytest.raises(LoggedDataError, match="cross 1 value"):
        adjusted(Totals.empty((0.0, 0.0)), RANDOMISED, 0.95, RATE)
    with pytest.raises(LoggedDataError, match="range of at most 1"):
        adjusted(
            Totals.empty((0.0, 0.0), crossed=2), RANDOMISED, 0.95, Possible(0.0, None)
        )
