"""Logged chances against how often they came true, at every look."""

import numpy as np
import pytest

from bandit_svc.ope.audit.calibration import STAKES, CalibrationSums
from bandit_svc.ope.audit.propensity_audit import BINS

NONE = np.zeros(0, dtype=np.int64)


def test_sums_are_those_of_each_block_and_bin() -> None:
    pmf = np.array([[0.7, 0.3], [0.7, 0.3], [0.25, 0.75]])
    sums = CalibrationSums.of(pmf, np.array([0, 1, 0]), np.array([0, 0, 1]), 2)
    # Bins from 0.2, 0.4 and 0.6 are the 4th, 5th and 6th.
    from_02, from_06 = list(BINS).index(0.2), list(BINS).index(0.6)

    assert sums.n[:, from_02].tolist() == [2, 1]
    assert sums.expected[:, from_02] == pytest.approx([0.6, 0.25])
    assert sums.variance[:, from_06] == pytest.approx([2 * 0.21, 0.75 * 0.25])
    assert sums.happened[:, from_06].tolist() == [1, 0]
    assert sums.happened[:, from_02].tolist() == [1, 1]


def test_several_chances_in_one_bin_are_one_chance_of_them_together() -> None:
    pmf = np.array([[0.45, 0.5, 0.05]])
    sums = CalibrationSums.of(pmf, np.array([1]), np.array([0]), 1)
    cell = (0, list(BINS).index(0.4))

    assert (sums.n[cell], sums.happened[cell]) == (1, 1)
    assert sums.expected[cell] == pytest.approx(0.95)
    assert sums.variance[cell] == pytest.approx(0.95 * 0.05)


def test_a_sure_choice_proves_nothing() -> None:
    sums = CalibrationSums.of(
        np.ones((500, 1)), np.zeros(500, np.int64), np.zeros(500, np.int64), 1
    )

    assert sums.p_value(1) == 1


def test_each_doubling_of_the_blocks_halves_the_evidence() -> None:
    n = 600
    pmf = np.tile([0.5, 0.5], (n, 1))
    action = (np.arange(n) % 10 < 3).astype(np.int64)
    sums = CalibrationSums.of(pmf[:, :1], 0 * action, 0 * action, 1)
    sums.happened[0, list(BINS).index(0.4)] = action.sum()
    p_value = sums.p_value(16)

    assert p_value < 1e-6
    assert sums.p_value(16, doublings=3) == pytest.approx(8 * p_value)


@pytest.mark.statistical
def test_true_chances_are_called_false_in_at_most_1_percent_of_runs() -> None:
    """Seed 5, 400 runs of 2,000 decisions looked at after every one, threshold 0.05.

    Chances swing between 0.03 and 0.97. At a true rate of exactly 5 % the share has a
    standard error of 1.1 %; the test allows 8 %, which a true 5 % passes in 499 of 500
    seeds. The five standard errors that single looks allow are not used.
    """
    generator = np.random.default_rng(5)
    runs, n = 400, 2_000
    chance = 0.5 + 0.47 * np.sin(np.arange(n) / 50)
    happened = generator.random((runs, n)) < chance
    inside = np.searchsorted(BINS, chance, side="right") - 1
    cost = np.expm1(np.abs(STAKES)) - np.abs(STAKES)
    total = np.zeros((runs, n))
    for place in range(BINS.size):
        here = inside == place
        difference = np.cumsum((happened - chance) * here, axis=1)
        variance = np.cumsum(chance * (1 - chance) * here)
        for stake, price in zip(STAKES, cost, strict=True):
            total += np.exp(stake * difference - price * variance)
    mean = total / (BINS.size * STAKES.size)

    assert (mean.max(axis=1) >= 20).mean() <= 0.08
