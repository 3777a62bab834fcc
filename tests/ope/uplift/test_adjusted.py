"""The uplift adjusted by what was known before the choice."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.uplift.adjusted import AdjustedUplift

FloatArray = npt.NDArray[np.float64]


def log(
    generator: np.random.Generator, n: int, effect: float, slope: float, share: float
) -> FloatArray:
    """Make rewards of mean 0.3 + slope (x - 0.5), and `effect` more if treated."""
    x = generator.random(n)
    treated = generator.random(n) >= share
    chance = 0.3 + slope * (x - 0.5) + effect * treated
    reward = np.clip(chance + generator.uniform(-0.05, 0.05, n), 0, 1)
    return np.stack([x, reward, treated, np.full(n, share)], axis=1)


def test_the_first_terms_are_rewards_weighted_by_their_chances() -> None:
    rows = [[0.5, 1.0, 1.0, 0.25], [0.5, 0.8, 0.0, 0.25]]
    sums = AdjustedUplift(0.25).add(rows).now

    # By hand, with nothing predicted yet: (1 / 0.75 - 0.8 / 0.25) / 2.
    assert sums.adjusted.mean == pytest.approx((1 / 0.75 - 0.8 / 0.25) / 2)


def test_a_term_adds_what_the_regressions_missed() -> None:
    generator = np.random.default_rng(3)
    first = log(generator, 16, 0.1, 0.4, 0.5)
    before = AdjustedUplift(0.5).add(first)
    row = np.array([0.9, 0.7, 1.0, 0.5])
    after = before.add(row).now
    # Both groups have under ten of the sixteen decisions, or more: as they were fitted.
    lines = []
    for treated in (0.0, 1.0):
        mine = first[first[:, 2] == treated]
        mine = first if len(mine) < 10 else mine
        x, y = mine[:, 0], mine[:, 1]
        centred = x - x.mean()
        slope = (centred * y).sum() / ((centred**2).sum() + 0.1)
        lines.append(y.mean() + slope * (0.9 - x.mean()))
    baseline, treatment = lines
    term = treatment - baseline + (0.7 - treatment) / 0.5

    assert after.adjusted.total - before.adjusted.total == pytest.approx(term)


@pytest.mark.parametrize("size", [1, 7, 256, 5_000])
def test_the_result_is_the_same_to_the_last_bit_however_it_was_batched(
    size: int,
) -> None:
    rows = log(np.random.default_rng(1), 1_100, 0.1, 0.3, 0.2)
    whole, parts = AdjustedUplift(0.2).add(rows), AdjustedUplift(0.2)
    for start in range(0, len(rows), size):
        parts = parts.add(rows[start : start + size])
        parts = AdjustedUplift.from_dict(parts.to_dict())

    assert parts.to_dict() == whole.to_dict()
    assert parts.now.to_dict() == whole.now.to_dict()
    assert parts.now.n == 1_100


def test_a_covariate_that_explains_the_reward_narrows_the_interval() -> None:
    rows = log(np.random.default_rng(2), 5_000, 0.05, 0.5, 0.3)
    blind = rows.copy()
    blind[:, 0] = 0.5
    with_it, without = (AdjustedUplift(0.3).add(r).now for r in (rows, blind))
    width, plain_width = (
        float(ends.upper or 0) - float(ends.lower or 0)
        for ends in (one.estimate(0.95).interval for one in (with_it, without))
    )

    # Of the variance 0.5² / 12 + 0.1² / 12 within a group the covariate explains 96 %.
    assert with_it.variance_reduction == pytest.approx(0.96, abs=0.03)
    assert without.variance_reduction == pytest.approx(0, abs=1e-6)
    assert width < 0.5 * plain_width


def test_missing_covariates_are_counted_and_bias_nothing() -> None:
    rows = log(np.random.default_rng(4), 20_000, 0.1, 0.4, 0.5)
    # Those with a high value hide it.
    rows[rows[:, 0] > 0.8, 0] = math.nan
    sums = AdjustedUplift(0.5).add(rows).now
    found = sums.estimate(0.95)

    assert sums.missing == pytest.approx(4_000, abs=200)
    assert found.estimate == pytest.approx(0.1, abs=0.01)


def test_no_estimate_is_beyond_what_is_possible() -> None:
    # One decision of a holdout of 1 % that earned 1 has a term of -1 / 0.01.
    found = AdjustedUplift(0.01).add([[0.5, 1.0, 0.0, 0.01]]).now.estimate(0.95)

    assert found.estimate == -1
    assert (found.interval.lower, found.interval.upper) == (-1, 1)


def test_a_group_rarer_than_allowed_is_refused() -> None:
    with pytest.raises(LoggedDataError, match="least_chance"):
        AdjustedUplift(0.2).add([[0.5, 1.0, 1.0, 0.1]])


def test_nothing_is_known_without_decisions() -> None:
    found = AdjustedUplift(0.1).now.estimate(0.95)

    assert found.estimate is None
    assert (found.interval.lower, found.interval.upper) == (-1, 1)
    assert AdjustedUplift(0.1).variance_reduction is None


@pytest.mark.statistical
@pytest.mark.parametrize("effect", [0.0, 0.1])
def test_the_truth_is_missed_in_at_most_5_percent_of_runs_at_any_look(
    effect: float,
) -> None:
    """Seed 11, 200 runs of 2,048 decisions, looked at 32 times, confidence 95 %.

    With effect 0 it is the share of A/A runs that ever claim a difference. At a true
    rate of exactly 5 % the share has a standard error of 1.5 %; the test allows 5 %
    flat, since the sequence promises less than that for every look and n.
    """
    generator = np.random.default_rng(11)
    missed, ends = 0, []
    for _ in range(200):
        rows = log(generator, 2_048, effect, 0.4, 0.2)
        sums, wrong = AdjustedUplift(0.2), False
        for start in range(0, 2_048, 64):
            sums = sums.add(rows[start : start + 64])
            found = sums.estimate(0.95).interval
            wrong |= not (found.lower or 0) <= effect <= (found.upper or 0)
        missed += wrong
        ends.append(sums.adjusted.mean)

    assert missed <= 10
    # Unbiased: four standard errors of the mean of 200 runs.
    spread = float(np.std(ends)) / 200**0.5
    assert float(np.mean(ends)) == pytest.approx(effect, abs=4 * spread)
