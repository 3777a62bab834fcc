"""Differences and ratios of two groups' means, by hand and at their limits."""

import math

import numpy as np
import pytest

from bandit_svc.ope.interval import UNBOUNDED, Estimate, Interval
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, boundary
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift, relative_uplift


def bernoulli(n: int, successes: int) -> Moments:
    return Moments(n=n, total=successes, total_squares=successes)


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.lower is not None
    assert interval.upper is not None
    return interval.lower, interval.upper


def test_absolute_uplift_by_hand() -> None:
    # Variances 0.25 and 0.25 stay so when padded on [0, 1]. n = 10,000:
    # n (0.25 / 8000 + 0.25 / 2000) = 1.5625, whose root is 1.25.
    uplift = absolute_uplift(bernoulli(8000, 4000), bernoulli(2000, 1000), 0.95, 0, 1)
    half_width = 1.25 * boundary(10_000, 0.95)

    assert uplift.estimate == 0
    assert ends(uplift.interval) == pytest.approx((-half_width, half_width))


def test_absolute_uplift_is_treatment_minus_baseline() -> None:
    uplift = absolute_uplift(bernoulli(9000, 900), bernoulli(1000, 50), 0.95, 0, 1)

    assert uplift.estimate == pytest.approx(0.05)
    lower, upper = ends(uplift.interval)
    assert 0 < lower < 0.05 < upper


@pytest.mark.parametrize(("treatment", "baseline"), [(0, 0), (100, 0), (0, 100)])
def test_an_empty_group_leaves_no_estimate_and_the_widest_interval(
    treatment: int, baseline: int
) -> None:
    groups = (bernoulli(treatment, 0), bernoulli(baseline, 0))

    assert absolute_uplift(*groups, 0.95, -1, 2) == Estimate(None, Interval(-3, 3))
    assert relative_uplift(*groups, 0.95, -1, 2) == Estimate(None, UNBOUNDED)


def test_a_small_group_leaves_an_estimate_and_the_widest_interval() -> None:
    groups = (bernoulli(5000, 2500), bernoulli(MINIMAL_COUNT - 1, 7))

    absolute = absolute_uplift(*groups, 0.95, 0, 1)
    relative = relative_uplift(*groups, 0.95, 0, 1)

    # 0.5 against 7 / 49 = 1 / 7.
    assert absolute.estimate == pytest.approx(5 / 14)
    assert absolute.interval == Interval(-1, 1)
    assert relative.estimate == pytest.approx(2.5)
    assert relative.interval == UNBOUNDED


def test_absolute_ends_stay_within_the_largest_differences_possible() -> None:
    uplift = absolute_uplift(bernoulli(50, 50), bernoulli(50, 0), 0.95, 0, 1)

    assert uplift.estimate == 1
    assert uplift.interval.upper == 1


def test_groups_without_observed_variance_have_an_interval_of_some_width() -> None:
    lower, upper = ends(
        absolute_uplift(bernoulli(900, 0), bernoulli(100, 0), 0.95, 0, 1).interval
    )

    # The baseline's padded variance is 2 / 108: hardly a surprise of 2 % is excluded.
    assert upper > 0.02
    assert lower == -upper


def test_relative_ends_are_where_the_ratio_can_just_not_be_told_from_the_means() -> (
    None
):
    treatment, baseline = bernoulli(9000, 3600), bernoulli(1000, 300)
    uplift = relative_uplift(treatment, baseline, 0.95, 0, 1)
    multiplier = boundary(10_000, 0.95)

    assert uplift.estimate == pytest.approx(1 / 3)
    for end in ends(uplift.interval):
        ratio = end + 1
        padded_treatment = (9000 * 0.24 + 2) / 9008
        padded_baseline = (1000 * 0.21 + 2) / 1008
        spread = 10_000 * (padded_treatment / 9000 + ratio**2 * padded_baseline / 1000)
        distance = abs(0.4 - ratio * 0.3)
        assert distance == pytest.approx(multiplier * math.sqrt(spread))


def test_relative_uplift_excludes_0_exactly_when_absolute_uplift_does() -> None:
    # At ratio 1 both compare the same difference with the same spread.
    for successes in range(300, 420, 5):
        groups = (bernoulli(9000, 9 * successes), bernoulli(1000, 300))
        absolute, _ = ends(absolute_uplift(*groups, 0.95, 0, 1).interval)
        relative, _ = ends(relative_uplift(*groups, 0.95, 0, 1).interval)
        assert (absolute > 0) == (relative > 0)


def test_relative_uplift_is_unbounded_while_the_baseline_may_be_0() -> None:
    uplift = relative_uplift(bernoulli(9000, 450), bernoulli(100, 2), 0.95, 0, 1)

    assert uplift.estimate == pytest.approx(1.5)
    assert uplift.interval == UNBOUNDED


def test_relative_uplift_over_a_baseline_of_0_is_not_defined() -> None:
    uplift = relative_uplift(bernoulli(9000, 450), bernoulli(1000, 0), 0.95, 0, 1)

    assert uplift == Estimate(None, UNBOUNDED)


def test_less_negative_rewards_are_a_positive_relative_uplift() -> None:
    generator = np.random.default_rng(5)
    costs = generator.random(20_000)
    uplift = relative_uplift(
        Moments.of(-0.5 * costs[:10_000]), Moments.of(-costs[10_000:]), 0.95, -1, 0
    )

    assert uplift.estimate == pytest.approx(0.5, abs=0.02)
    lower, upper = ends(uplift.interval)
    assert 0.4 < lower < 0.5 < upper < 0.6


def test_nonnegative_rewards_lose_at_most_everything() -> None:
    lower, _ = ends(
        relative_uplift(bernoulli(500, 0), bernoulli(500, 250), 0.95, 0, 1).interval
    )

    assert lower == -1
