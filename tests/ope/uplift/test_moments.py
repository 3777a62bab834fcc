"""Sums that add up, and what they say about mean and variance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.uplift.moments import Moments

REWARDS = st.lists(st.floats(-1, 1), max_size=30)


def test_moments_are_count_sum_and_sum_of_squares() -> None:
    moments = Moments.of([1.0, 0.0, 0.5])

    assert moments == Moments(n=3, total=1.5, total_squares=1.25)
    assert moments.mean == pytest.approx(0.5)
    # By hand: ((1 - 0.5)² + (0 - 0.5)² + 0) / 3.
    assert moments.variance == pytest.approx(1 / 6)


def test_adding_one_by_one_equals_summing_an_array() -> None:
    moments = Moments()
    for reward in (1.0, 0.0, 0.5):
        moments = moments.add(reward)

    assert moments == Moments.of([1.0, 0.0, 0.5])


@settings(deadline=None)
@given(one=REWARDS, two=REWARDS)
def test_merging_equals_summing_both_together(
    one: list[float], two: list[float]
) -> None:
    merged = Moments.of(one).merge(Moments.of(two))
    together = Moments.of(one + two)

    assert merged.n == together.n
    assert merged.total == pytest.approx(together.total, abs=1e-12)
    assert merged.total_squares == pytest.approx(together.total_squares, abs=1e-12)


@settings(deadline=None)
@given(rewards=st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_mean_and_variance_agree_with_numpy(rewards: list[float]) -> None:
    moments = Moments.of(rewards)

    assert moments.mean == pytest.approx(np.mean(rewards), abs=1e-12)
    assert moments.variance == pytest.approx(np.var(rewards), abs=1e-12)


def test_equal_rewards_have_no_negative_variance() -> None:
    # 0.1 is not a binary fraction, so the difference of the sums is -1.7e-18.
    moments = Moments.of([0.1] * 3)

    assert moments.total_squares / 3 - moments.mean**2 < 0
    assert moments.variance == 0


def test_cancellation_stays_within_the_documented_bound() -> None:
    # Mean 0.5, standard deviation 0.0005: 1,000 standard deviations from 0.
    rewards = 0.5 + 0.0005 * np.where(np.arange(1_000_000) % 2, 1, -1)
    moments = Moments()
    for chunk in rewards.reshape(1000, 1000):
        moments = moments.merge(Moments.of(chunk))

    assert moments.variance == pytest.approx(0.0005**2, rel=1e-4)


def test_no_rewards_have_no_mean_and_no_variance() -> None:
    with pytest.raises(NoDataError, match="at least one reward"):
        _ = Moments().mean
    with pytest.raises(NoDataError, match="at least one reward"):
        _ = Moments().variance
