"""A p-value for the groups' sizes that may be looked at all the time."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats
from scipy.special import gammaln

from bandit_svc.ope.audit.sample_ratio import PRIOR_COUNT, sample_ratio_p_value

FloatArray = npt.NDArray[np.float64]


def log_beta(a: FloatArray, b: FloatArray) -> FloatArray:
    result: FloatArray = gammaln(a) + gammaln(b) - gammaln(a + b)
    return result


def test_the_p_value_is_the_inverse_of_the_mixture_integrated_numerically() -> None:
    # 80 of 400 where 10 % were expected.
    prior = stats.beta(0.1 * PRIOR_COUNT, 0.9 * PRIOR_COUNT)
    mixture, _ = integrate.quad(
        lambda share: (
            prior.pdf(share) * (share / 0.1) ** 80 * ((1 - share) / 0.9) ** 320
        ),
        0,
        1,
        points=[0.1, 0.2],
    )

    assert sample_ratio_p_value(80, 320, 0.1) == pytest.approx(1 / mixture)


def test_no_decisions_and_the_expected_share_are_no_mismatch() -> None:
    assert sample_ratio_p_value(0, 0, 0.1) == 1
    assert sample_ratio_p_value(1_000, 9_000, 0.1) == 1


def test_a_lost_third_of_the_baseline_group_is_found() -> None:
    assert sample_ratio_p_value(667, 9_000, 0.1) < 1e-9


def test_both_groups_give_the_same_answer() -> None:
    assert sample_ratio_p_value(130, 870, 0.1) == pytest.approx(
        sample_ratio_p_value(870, 130, 0.9)
    )


def test_huge_counts_neither_overflow_nor_leave_the_range() -> None:
    assert sample_ratio_p_value(10**9, 10**9, 0.1) == 0
    assert sample_ratio_p_value(10**9, 9 * 10**9, 0.1) == 1


@pytest.mark.parametrize(
    ("share", "count", "other_count", "expected"),
    [(0.0, 0, 50, 1.0), (0.0, 1, 50, 0.0), (1.0, 50, 0, 1.0), (1.0, 50, 1, 0.0)],
)
def test_a_group_that_should_be_empty_is_a_mismatch_at_its_first_decision(
    share: float, count: int, other_count: int, expected: float
) -> None:
    assert sample_ratio_p_value(count, other_count, share) == expected


@pytest.mark.statistical
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_right_share_is_called_a_mismatch_in_at_most_5_percent_of_runs(
    share: float,
) -> None:
    """Seed 1, 2,000 runs of 5,000 looks, threshold 0.05.

    At a true rate of exactly 5 % the share has a standard error of 0.49 %; the test
    allows 6.5 %. A chi-squared test on the same looks is wrong far more often.
    """
    generator = np.random.default_rng(1)
    n = np.arange(1.0, 5_001)
    ours, naive = 0, 0
    for _ in range(10):
        inside = generator.random((200, 5_000)) < share
        count: FloatArray = np.cumsum(inside, axis=1, dtype=np.float64)
        a, b = PRIOR_COUNT * share, PRIOR_COUNT * (1 - share)
        log_bayes_factor = (
            log_beta(a + count, b + n - count)
            - log_beta(np.array(a), np.array(b))
            - count * math.log(share)
            - (n - count) * math.log1p(-share)
        )
        assert sample_ratio_p_value(
            int(count[0, -1]), int(5_000 - count[0, -1]), share
        ) == pytest.approx(min(1.0, math.exp(-log_bayes_factor[0, -1])))
        ours += int((log_bayes_factor >= math.log(20)).any(axis=1).sum())
        z = np.abs(count - n * share) / np.sqrt(n * share * (1 - share))
        naive += int((z > 1.96)[:, 99:].any(axis=1).sum())

    assert ours / 2_000 <= 0.065
    assert naive / 2_000 >= 0.3
