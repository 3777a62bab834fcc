"""Fixed-sample intervals: by hand, against each other, and their coverage."""

import math

import numpy as np
import pytest

from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.estimators.importance import PolicyValue, ips, snips
from bandit_svc.ope.estimators.intervals import (
    empirical_bernstein,
    normal,
    standard_error,
    studentised_bootstrap,
)
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.logged import LoggedData

TERMS = np.array([0.0, 0.0, 1.0, 1.0])
VALUE = PolicyValue(0.5, TERMS)


def test_standard_error_by_hand() -> None:
    # By hand: squared deviations sum to 1; sqrt(1 / (4 * 3)).
    assert standard_error(VALUE) == pytest.approx(math.sqrt(1 / 12))


def test_clusters_are_what_is_independent() -> None:
    # By hand: sums of deviations -1 and 1; sqrt(2 * 2 / 1) / 4.
    assert standard_error(VALUE, np.array([5, 5, 8, 8])) == pytest.approx(0.5)
    assert standard_error(VALUE, np.arange(4)) == pytest.approx(standard_error(VALUE))


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


def test_empirical_bernstein_by_hand() -> None:
    terms = np.tile(TERMS, 250)
    interval = empirical_bernstein(PolicyValue(0.5, terms), 0, 1, 0.95)

    # By hand: V = 250 / 999, log(80) = 4.382027; sqrt(2 V log / n) = 0.0468324,
    # 7 log / (3 * 999) = 0.0102349.
    assert interval.upper == pytest.approx(0.5 + 0.0468324 + 0.0102349, abs=1e-6)
    assert interval.lower == pytest.approx(0.5 - 0.0468324 - 0.0102349, abs=1e-6)


def test_empirical_bernstein_stays_within_the_range() -> None:
    assert empirical_bernstein(VALUE, 0, 1) == Interval(0, 1)


def test_bootstrap_is_close_to_normal_for_many_alike_terms_and_repeats() -> None:
    value = PolicyValue(0.5, np.tile(TERMS, 500))

    found = studentised_bootstrap(value, np.random.default_rng(1))
    again = studentised_bootstrap(value, np.random.default_rng(1))

    # A quantile of 2,000 replicates has a standard error of about 6 % of its size;
    # the test allows three.
    plain = normal(value)
    assert found == again
    assert found.upper is not None
    assert plain.upper is not None
    assert found.upper - 0.5 == pytest.approx(plain.upper - 0.5, rel=0.18)


def test_bootstrap_follows_a_skewed_tail(shared_log: LoggedData) -> None:
    value = ips(shared_log)
    found = studentised_bootstrap(value, np.random.default_rng(1))

    assert found.lower is not None
    assert found.upper is not None
    assert found.upper - value.value > 1.2 * (value.value - found.lower)


def test_bootstrap_resamples_clusters() -> None:
    value = PolicyValue(0.5, np.tile(TERMS, 100))
    cluster = np.repeat(np.arange(200), 2)

    alone = studentised_bootstrap(value, np.random.default_rng(1))
    together = studentised_bootstrap(value, np.random.default_rng(1), cluster=cluster)

    # Terms in a cluster are alike: half as many independent ones.
    assert alone.upper is not None
    assert together.upper is not None
    assert together.upper - 0.5 == pytest.approx(
        math.sqrt(2) * (alone.upper - 0.5), rel=0.2
    )


def test_terms_without_spread_have_an_interval_without_width() -> None:
    value = PolicyValue(0.5, np.full(10, 0.5))

    assert studentised_bootstrap(value, np.random.default_rng(1)) == Interval(0.5, 0.5)
    assert normal(value) == Interval(0.5, 0.5)


def test_one_round_has_no_interval() -> None:
    one = PolicyValue(1.0, np.array([1.0]))
    with pytest.raises(NoDataError, match="at least two"):
        normal(one)
    with pytest.raises(NoDataError, match="at least two"):
        empirical_bernstein(one, 0, 1)


@pytest.mark.statistical
def test_fixed_sample_coverage_on_weighted_rewards() -> None:
    """Seed 1, 400 logs of 500 rounds, looked at once; truth 0.3, weights up to 5.

    At a true coverage of 95 % the share of 400 has a standard error of 1.1 %; the
    test asks for 91.7 %, three of them below. Empirical Bernstein always covers.
    """
    generator = np.random.default_rng(1)
    covered = np.zeros(3)
    for _ in range(400):
        shown = generator.random(500) < 0.2
        reward = (generator.random(500) < 0.3).astype(float)
        log = LoggedData(
            reward=reward,
            propensity=np.where(shown, 0.2, 0.8),
            target_probability=shown.astype(float),
        )
        intervals = (
            normal(snips(log)),
            studentised_bootstrap(snips(log), generator, replicates=400),
            empirical_bernstein(ips(log), 0, 5),
        )
        covered += [
            i.lower is not None and i.upper is not None and i.lower <= 0.3 <= i.upper
            for i in intervals
        ]

    assert np.all(covered / 400 >= 0.917)
    assert covered[2] == 400
