"""IPS, clipped IPS, SNIPS and the direct method: by hand, and obp's."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError, NoDataError
from bandit_svc.ope.estimators.direct import direct_method
from bandit_svc.ope.estimators.importance import (
    clipped_ips,
    ips,
    snips,
)
from bandit_svc.ope.logged import LoggedData

# By hand: weights 2, 2, 0.25.
LOG = LoggedData(
    reward=np.array([1.0, 0.0, 1.0]),
    propensity=np.array([0.5, 0.25, 0.8]),
    target_probability=np.array([1.0, 0.5, 0.2]),
)
OBP = 1e-9
"""Equal to obp: the tolerance of the issue."""


def test_ips_weights_each_reward_by_target_over_logged_probability() -> None:
    # By hand: (2 * 1 + 2 * 0 + 0.25 * 1) / 3.
    assert ips(LOG).value == pytest.approx(0.75)
    assert ips(LOG).terms == pytest.approx([2, 0, 0.25])


def test_snips_divides_by_the_sum_of_weights() -> None:
    assert snips(LOG).value == pytest.approx(2.25 / 4.25)


def test_clipped_ips_keeps_no_weight_above_the_limit() -> None:
    # By hand: (1 + 0 + 0.25) / 3.
    assert clipped_ips(LOG, 1).value == pytest.approx(1.25 / 3)


def test_terms_have_the_estimate_as_their_mean(shared_log: LoggedData) -> None:
    for estimate in (ips(shared_log), snips(shared_log), direct_method(shared_log)):
        assert estimate.terms.mean() == pytest.approx(estimate.value, rel=1e-12)


def test_adding_a_constant_to_rewards_moves_snips_by_it_and_ips_by_more() -> None:
    more = LoggedData(
        reward=LOG.reward + 1,
        propensity=LOG.propensity,
        target_probability=LOG.target_probability,
        reward_maximum=2,
    )

    assert snips(more).value == pytest.approx(snips(LOG).value + 1)
    # The mean weight is 4.25 / 3.
    assert ips(more).value == pytest.approx(ips(LOG).value + 4.25 / 3)


def test_a_target_that_never_does_what_was_logged_has_no_ratio() -> None:
    log = LoggedData(
        reward=np.array([1.0]),
        propensity=np.array([0.5]),
        target_probability=np.array([0.0]),
    )

    with pytest.raises(NoDataError, match="none of the logged actions"):
        snips(log)
    assert ips(log).value == 0


@pytest.mark.parametrize("limit", [0, -1, np.nan])
def test_a_limit_that_keeps_nothing_is_refused(limit: float) -> None:
    with pytest.raises(LoggedDataError, match="above 0"):
        clipped_ips(LOG, limit)


def test_equal_to_obp(shared_log: LoggedData) -> None:
    # InverseProbabilityWeighting(), the same with lambda_=2.0,
    # SelfNormalizedInverseProbabilityWeighting() and DirectMethod(), as told at
    # shared_log.
    assert ips(shared_log).value == pytest.approx(0.5665351835664336, abs=OBP)
    clipped = clipped_ips(shared_log, 2.0).value
    assert clipped == pytest.approx(0.46854239510489515, abs=OBP)
    assert snips(shared_log).value == pytest.approx(0.3761845451518155, abs=OBP)
    assert direct_method(shared_log).value == pytest.approx(
        0.45477058358308364, abs=OBP
    )
