"""Intervals of a log that is read once: by hand, and their coverage."""

import math

import numpy as np
import pytest

from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.estimators.importance import snips
from bandit_svc.ope.estimators.intervals import (
    normal,
    standard_error,
    sums_by_unit,
)
from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.logged import LoggedData

TERMS = np.array([0.0, 0.0, 1.0, 1.0])
VALUE = PolicyValue(0.5, TERMS)


def test_standard_error_by_hand() -> None:
    # By hand: squared deviations sum to 1; sqrt(1 / (4 * 3)).
    assert standard_error(VALUE) == pytest.approx(math.sqrt(1 / 12))


def test_normal_interval_by_hand() -> None:
    interval = normal(VALUE, 0.95)

    assert interval.upper == pytest.approx(0.5 + 1.959964 * math.sqrt(1 / 12), rel=1e-6)
    assert interval.lower == pytest.approx(0.5 - 1.959964 * math.sqrt(1 / 12), rel=1e-6)


def test_the_error_of_a_ratio_is_the_delta_method(shared_log: LoggedData) -> None:
    # Owen (2013), eq. (9.9): sum w² (r - v)² / (sum w)², here times n / (n - 1).
    weight, value = shared_log.weight, snips(shared_log)
    squares = (weight**2 * (shared_log.reward - value.value) ** 2).sum()
    expected = math.sqrt(squares * 40 / 39) / weight.sum()

    assert standard_error(value) == pytest.approx(expected)


def test_terms_without_spread_have_an_interval_without_width() -> None:
    value = PolicyValue(0.5, np.full(10, 0.5))

    assert normal(value) == Interval(0.5, 0.5)


def test_one_round_has_no_interval() -> None:
    one = PolicyValue(1.0, np.array([1.0]))
    with pytest.raises(NoDataError, match="at least two"):
        normal(one)


@pytest.mark.statistical
def test_fixed_sample_coverage_on_weighted_rewards() -> None:
    """Seed 1, 400 logs of 500 rounds, looked at once; truth 0.3, weights up to 5.

    At a true coverage of 95 % the share of 400 has a standard error of 1.1 %; the
    test asks for 91.7 %, three of them below.
    """
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        shown = generator.random(500) < 0.2
        reward = (generator.random(500) < 0.3).astype(float)
        log = LoggedData(
            reward=reward,
            propensity=np.where(shown, 0.2, 0.8),
            target_probability=shown.astype(float),
        )
        interval = normal(snips(log))
        assert interval.lower is not None
        assert interval.upper is not None
        covered += interval.lower <= 0.3 <= interval.upper

    assert covered / 400 >= 0.917


@pytest.mark.parametrize("unit", [[0, 0, 2, 2], [7, 7, 900, 900], [-3, -3, 5, 5]])
def test_numbers_of_units_may_have_gaps(unit: list[int]) -> None:
    found = sums_by_unit(np.array(unit), np.array([1.0, 2.0, 4.0, 8.0]))

    assert found.tolist() == [3, 12]
