"""What came later against what came before."""

import numpy as np
import pytest

from bandit_svc.ope.audit.stability import (
    MOST_BORDERS,
    SMOOTHING,
    population_stability,
    share_drop,
)

RISK = 0.005


def test_a_fall_is_found_where_it_began() -> None:
    n = np.full(8, 5_000.0)
    happened = np.array([205, 200, 210, 205, 200, 210, 40, 45], dtype=np.float64)
    drop = share_drop(n, happened, 0.5, RISK)

    assert drop is not None
    assert drop.border == 6
    # 1,230 of 30,000 before, 85 of 10,000 after.
    assert drop.before == pytest.approx(0.041)
    assert drop.after == pytest.approx(0.0085)


@pytest.mark.parametrize(
    "happened",
    [
        [40, 40, 40, 40],
        [10, 20, 40, 80],
        [40, 41, 39, 28],
        [0, 0, 0, 0],
        [1000, 1000, 1000, 1000],
    ],
)
def test_level_rising_and_slightly_falling_shares_are_no_drop(
    happened: list[float],
) -> None:
    n = np.full(4, 1_000.0)

    assert share_drop(n, np.array(happened, dtype=np.float64), 0.5, RISK) is None


def test_one_stretch_and_none_have_nothing_to_compare() -> None:
    assert share_drop(np.zeros(0), np.zeros(0), 0.5, RISK) is None
    assert share_drop(np.array([99.0]), np.array([0.0]), 0.5, RISK) is None


def test_a_few_decisions_without_a_reward_prove_nothing() -> None:
    n = np.array([5_000.0, 60.0])

    assert share_drop(n, np.array([200.0, 0.0]), 0.5, RISK) is None


@pytest.mark.statistical
def test_shares_that_halve_are_rarely_called_more_than_half() -> None:
    """Seed 2, 300 logs of 60 stretches of 100, risk 0.3 in place of 0.005.

    The share goes from 10 % to just 5 % and back: a fall to half is no fall below half.
    Looked at after each stretch. At most 30 % may ever be called; the bound counts
    MOST_BORDERS borders and is far from tight, so that the test allows 3 % (9 logs).
    """
    generator = np.random.default_rng(2)
    n = np.full(60, 100.0)
    chance = np.where(np.arange(60) // 15 % 2 == 0, 0.10, 0.05)
    called = 0
    for _ in range(300):
        happened = generator.binomial(100, chance).astype(np.float64)
        called += any(
            share_drop(n[:look], happened[:look], 0.5, 0.3) is not None
            for look in range(2, 61, 2)
        )

    assert called <= 9
    assert MOST_BORDERS == 200 + 31 * 100


def test_the_index_is_the_sum_over_categories() -> None:
    p, q = 60.5 / 101, 20.5 / 101
    by_hand = (q - p) * np.log(q / p) + (p - q) * np.log((1 - q) / (1 - p))

    assert population_stability([60, 40], [20, 80]) == pytest.approx(by_hand)
    assert SMOOTHING == 0.5


def test_equal_shares_have_an_index_of_0() -> None:
    assert population_stability([30, 70], [30, 70]) == 0
    assert population_stability([3000, 7000], [30, 70]) < 0.001


def test_a_value_that_is_new_has_a_finite_index() -> None:
    assert 1 < population_stability([500, 0], [0, 500]) < 20
