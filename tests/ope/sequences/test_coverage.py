"""How often an interval is ever wrong, looking after every single decision."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, boundary, padded_variance
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift, relative_uplift

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

RUNS = 2_000
DECISIONS = 10_000
CHUNK = 200
"""Runs at a time, so that an array takes 16 MB."""

PROMISED = 0.05
"""The share of runs that may be wrong, without a tolerance on top: the sequence is
conservative enough that the cases below measure 2.1 % to 4.8 %, where the share
of 2,000 runs has a standard error of 0.48 % at most. The seeds are fixed."""


class Group:
    """Cumulative sums of Bernoulli rewards at each look; shape (runs, looks)."""

    def __init__(self, member: BoolArray, reward: BoolArray) -> None:
        self.n: FloatArray = np.cumsum(member, axis=1, dtype=np.float64)
        self.total: FloatArray = np.cumsum(member & reward, axis=1, dtype=np.float64)
        # Before the first reward these are 0, and no look counts there.
        self.mean: FloatArray = self.total / np.maximum(self.n, 1)
        self.variance: FloatArray = self.mean * (1 - self.mean)

    def moments(self, run: int, look: int) -> Moments:
        total = float(self.total[run, look])
        return Moments(int(self.n[run, look]), total, total)

    def squared_error(self) -> FloatArray:
        n = np.maximum(self.n, 1)
        return padded_variance(n, self.variance, 1) / n


def draw(
    generator: np.random.Generator, mean: float, baseline_share: float
) -> tuple[Group, Group]:
    """Draw a chunk of runs without any effect: treatment and baseline alike."""
    baseline = generator.random((CHUNK, DECISIONS)) < baseline_share
    reward = generator.random((CHUNK, DECISIONS)) < mean
    return Group(~baseline, reward), Group(baseline, reward)


def compare(treatment: Group, baseline: Group) -> tuple[BoolArray, BoolArray]:
    """Return for each run whether our interval, and a normal one, ever excluded 0."""
    n = np.arange(1.0, DECISIONS + 1)
    difference = np.abs(treatment.mean - baseline.mean)
    looks = np.minimum(treatment.n, baseline.n) >= MINIMAL_COUNT
    squared_error = treatment.squared_error() + baseline.squared_error()
    ours: BoolArray = difference > boundary(n, 0.95) * np.sqrt(n * squared_error)
    with np.errstate(divide="ignore", invalid="ignore"):
        naive = difference > stats.norm.ppf(0.975) * np.sqrt(
            treatment.variance / treatment.n + baseline.variance / baseline.n
        )
    return np.any(ours & looks, axis=1), np.any(naive & looks, axis=1)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("mean", "baseline_share"),
    [(0.05, 0.1), (0.3, 0.1), (0.01, 0.1), (0.95, 0.1), (0.05, 0.02), (0.05, 0.5)],
)
def test_absolute_uplift_without_effect_excludes_0_in_at_most_5_percent_of_runs(
    mean: float, baseline_share: float
) -> None:
    """Seed 1, 2,000 runs of 10,000 looks; limit as told at PROMISED.

    The same runs condemn the normal interval, so the test can fail.
    """
    generator = np.random.default_rng(1)
    ours, naive = 0, 0
    for _ in range(RUNS // CHUNK):
        missed, missed_naively = compare(*draw(generator, mean, baseline_share))
        ours += int(missed.sum())
        naive += int(missed_naively.sum())

    assert ours / RUNS <= PROMISED
    assert naive / RUNS >= 0.3


@pytest.mark.statistical
def test_without_padding_rare_rewards_would_break_the_promise() -> None:
    """Seed 1, 200 runs: at a mean of 0.01 the unpadded sequence misses in about 32 %.

    That is 3.3 % of standard error, so the 15 % asserted are far from chance.
    """
    treatment, baseline = draw(np.random.default_rng(1), 0.01, 0.1)
    n = np.arange(1.0, DECISIONS + 1)
    looks = np.minimum(treatment.n, baseline.n) >= MINIMAL_COUNT
    squared_error = treatment.variance / np.maximum(
        treatment.n, 1
    ) + baseline.variance / np.maximum(baseline.n, 1)
    half_width = boundary(n, 0.95) * np.sqrt(n * squared_error)
    wrong = (np.abs(treatment.mean - baseline.mean) > half_width) & looks

    assert np.any(wrong, axis=1).mean() >= 0.15


def test_the_functions_give_what_the_coverage_was_measured_with() -> None:
    treatment, baseline = draw(np.random.default_rng(2), 0.3, 0.1)
    n = np.arange(1.0, DECISIONS + 1)
    half_width = boundary(n, 0.95) * np.sqrt(
        n * (treatment.squared_error() + baseline.squared_error())
    )
    for run, look in [(0, 1_000), (7, 3_000), (199, 9_999)]:
        uplift = absolute_uplift(
            treatment.moments(run, look), baseline.moments(run, look), 0.95, 0, 1
        )
        assert uplift.estimate is not None
        assert uplift.interval.upper == pytest.approx(
            uplift.estimate + half_width[run, look]
        )


@pytest.mark.statistical
@pytest.mark.parametrize("mean", [0.01, 0.05, 0.3, 0.5])
def test_a_mean_is_missed_at_any_look_in_at_most_5_percent_of_runs(
    mean: float,
) -> None:
    """Seed 3, 2,000 runs of 10,000 looks; limit as told at PROMISED."""
    generator = np.random.default_rng(3)
    n = np.arange(1.0, DECISIONS + 1)
    missed = 0
    for _ in range(RUNS // CHUNK):
        reward = generator.random((CHUNK, DECISIONS)) < mean
        group = Group(np.ones_like(reward), reward)
        half_width = boundary(n, 0.95) * np.sqrt(padded_variance(n, group.variance, 1))
        wrong = (np.abs(group.mean - mean) > half_width) & (n >= MINIMAL_COUNT)
        missed += int(wrong.any(axis=1).sum())

    assert missed / RUNS <= PROMISED


@pytest.mark.statistical
def test_relative_uplift_misses_the_true_ratio_in_at_most_5_percent_of_runs() -> None:
    """Seed 4, 400 runs, 100 looks from 500 to 10,000 decisions; true uplift 20 %.

    At a true rate of exactly 5 % the share of 400 runs has a standard error of
    1.1 %; the test allows 8.3 %, three of them. Most looks must be bounded, or the
    claim would be empty.
    """
    generator = np.random.default_rng(4)
    looks = np.geomspace(500, DECISIONS, 100).astype(int) - 1
    missed, bounded = 0, 0
    for _ in range(2):
        in_baseline = generator.random((CHUNK, DECISIONS)) < 0.1
        uniform = generator.random((CHUNK, DECISIONS))
        reward = uniform < np.where(in_baseline, 0.3, 0.36)
        treatment, baseline = Group(~in_baseline, reward), Group(in_baseline, reward)
        for run in range(CHUNK):
            intervals = [
                relative_uplift(
                    treatment.moments(run, look),
                    baseline.moments(run, look),
                    0.95,
                    0,
                    1,
                ).interval
                for look in looks
            ]
            pairs = [(i.lower, i.upper) for i in intervals]
            known = [(a, b) for a, b in pairs if a is not None and b is not None]
            bounded += len(known)
            missed += any(not a <= 0.2 <= b for a, b in known)

    assert missed / 400 <= 0.083
    assert bounded / (400 * len(looks)) > 0.8
