"""The boundary's formula, and what an interval does at its limits."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.asymptotic import (
    MINIMAL_COUNT,
    OPTIMISED_COUNT,
    boundary,
    mean_interval,
    padded_variance,
)
from bandit_svc.ope.uplift.moments import Moments


def mixture_boundary(n: float, rho_squared: float, alpha: float) -> float:
    """Robbins' boundary as Theorem 2.2 prints it, for any rho."""
    growth = n * rho_squared + 1
    return math.sqrt(
        2 * growth / (n**2 * rho_squared) * math.log(math.sqrt(growth) / alpha)
    )


def test_boundary_has_the_value_of_the_paper_by_hand() -> None:
    # rho² = (5.99146 + log(6.99146)) / 5000 = (5.99146 + 1.94469) / 5000 = 0.00158723.
    # n rho² + 1 = 2.58723; sqrt = 1.60849; log(1.60849 / 0.05) = 3.47103.
    # sqrt(2 * 2.58723 / (1000² * 0.00158723) * 3.47103) = sqrt(0.0113158).
    assert boundary(1000, 0.95) == pytest.approx(math.sqrt(0.0113158), rel=1e-5)


def test_boundary_takes_arrays_and_gives_the_same() -> None:
    n = np.array([[10.0, 100.0], [1000.0, 1e6]])

    assert boundary(n, 0.9) == pytest.approx(
        np.array([[boundary(float(count), 0.9) for count in row] for row in n])
    )


@pytest.mark.parametrize(
    ("n", "excess"), [(500, 0.28), (1_000, 0.11), (5_000, 0.0005), (100_000, 0.11)]
)
def test_boundary_is_as_close_to_the_best_as_documented(n: int, excess: float) -> None:
    best = minimize_scalar(
        lambda log_rho_squared: mixture_boundary(n, math.exp(log_rho_squared), 0.05),
        bounds=(-25, 3),
        method="bounded",
    ).fun

    assert 1 - 1e-9 <= boundary(n, 0.95) / best <= 1 + excess


def test_boundary_is_wider_than_a_normal_interval_and_shrinks() -> None:
    n = np.arange(1.0, 100_000.0)
    widths = boundary(n, 0.95)

    assert np.all(widths > 1.96 / np.sqrt(n))
    assert np.all(np.diff(widths) < 0)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0, math.nan])
def test_a_confidence_outside_0_and_1_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        boundary(OPTIMISED_COUNT, confidence)


def test_padding_adds_eight_rewards_half_a_range_from_the_middle() -> None:
    # Range 0 to 2. By hand: 92 times 0.5 and 8 times 1², over 100.
    assert padded_variance(92, 0.5, 2) == pytest.approx(0.54)


def test_mean_interval_by_hand() -> None:
    # Variance 0.25 stays 0.25 when rewards at both ends of [0, 1] are added.
    interval = mean_interval(Moments.of([0.0, 1.0] * 500), 0.95, 0, 1)
    half_width = 0.5 * math.sqrt(0.0113158)

    assert interval.lower == pytest.approx(0.5 - half_width, rel=1e-5)
    assert interval.upper == pytest.approx(0.5 + half_width, rel=1e-5)


@pytest.mark.parametrize("n", [0, 1, MINIMAL_COUNT - 1])
def test_few_rewards_bound_the_mean_by_nothing_but_the_range(n: int) -> None:
    assert mean_interval(Moments.of([0.5] * n), 0.95, -1, 3) == Interval(-1, 3)


def test_the_interval_begins_at_the_minimal_count() -> None:
    interval = mean_interval(Moments.of([0.5] * MINIMAL_COUNT), 0.95, -1, 3)

    assert interval.lower is not None
    assert -1 < interval.lower < 0.5


def test_equal_rewards_do_not_make_a_point_of_the_interval() -> None:
    interval = mean_interval(Moments(n=1000), 0.95, 0, 1)

    # Padded variance 2 / 1008; half width sqrt(2 / 1008 * 0.0113158).
    assert interval.lower == 0
    assert interval.upper == pytest.approx(0.0047383, rel=1e-3)


def test_the_interval_stays_within_the_range_of_the_reward() -> None:
    interval = mean_interval(Moments.of([0.0] * 99 + [1.0]), 0.95, 0, 1)

    assert interval.lower == 0
    assert interval.upper is not None
    assert 0.01 < interval.upper < 1
