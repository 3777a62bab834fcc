"""Running moments: what one event can do to them, and what it can't."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.moments import Moments


def after(values: list[float], reach: float = 10.0) -> Moments:
    moments = Moments()
    for value in values:
        moments.learn(value, reach)
    return moments


def normal(count: int, mean: float = 50.0, deviation: float = 10.0) -> list[float]:
    rng = random.Random(3)  # noqa: S311 - simulated values
    return [rng.gauss(mean, deviation) for _ in range(count)]


def test_two_values_weigh_one_to_four() -> None:
    moments = after([0.0, 1.0])

    # By hand: the second has the share 4 / 5, and the variance is 1/5 * 4/5.
    assert moments.mean == pytest.approx(0.8)
    assert moments.variance == pytest.approx(0.16)


def test_mean_and_deviation_are_those_of_the_values() -> None:
    """2,000 normal values; about 900 of them count, so the standard error is .34."""
    moments = after(normal(2_000))

    assert moments.mean == pytest.approx(50.0, abs=1.2)
    assert moments.deviation == pytest.approx(10.0, abs=1.0)


def test_one_event_of_any_size_multiplies_the_variance_by_at_most_its_bound() -> None:
    before = after(normal(400))
    struck = after([*normal(400), 1e300])

    # By hand: 1 + 10**2 * 4 / (401 + 3).
    assert struck.variance <= before.variance * (1.0 + 100.0 * 4.0 / 404.0)


@pytest.mark.parametrize("strange", [1e-30, 1e-300, 704_000.0, -1e300])
def test_strange_beginning_is_forgotten_after_a_hundred_values(strange: float) -> None:
    moments = after([strange, strange / 2, *normal(100)])

    assert moments.mean == pytest.approx(50.0, abs=5.0)
    assert moments.deviation == pytest.approx(10.0, abs=4.0)


def test_moments_begin_anew_from_medians() -> None:
    moments = after([3.0, 1e9, 1.0, 2.0, 5.0])

    # By hand: the median is 3, the distances from it are 0, 1, 2, 2 and about 1e9.
    assert moments.mean == 3.0
    assert moments.deviation == pytest.approx(1.4826 * 2.0)
    assert moments.first == []


def test_rare_reward_keeps_its_deviation_within_the_reach() -> None:
    """One reward of 1 in 200: the deviation is sqrt(.005 * .995) = .0705."""
    values = [float(place % 200 == 0) for place in range(20_000)]

    assert after(values, reach=30.0).deviation == pytest.approx(0.0705, rel=0.1)


def test_unit_of_the_values_does_not_matter() -> None:
    values = normal(100)
    one, other = after(values), after([value * 4096.0 for value in values])

    assert one.standardised(61.0, 4.0) == other.standardised(61.0 * 4096.0, 4.0)


def test_equal_values_are_standardised_to_zero() -> None:
    assert after([7.0] * 20).standardised(7.0, 4.0) == 0.0
    assert Moments().standardised(3.0, 4.0) == 0.0


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_finite_float_leaves_finite_moments(
    values: list[float], asked: float
) -> None:
    moments = after(values)

    assert math.isfinite(moments.mean)
    assert math.isfinite(moments.variance)
    assert abs(moments.standardised(asked, 4.0)) <= 4.0
