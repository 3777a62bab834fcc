"""The parameters that estimated squared error chooses are obp's."""

import math

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.tuning import (
    CLIPPED_IPS,
    SHRUNK_DR,
    SWITCH_DR,
    Family,
    by_squared_error,
    candidates,
    squared_error,
)
from bandit_svc.ope.logged import LoggedData

PARAMETERS = (0.5, 1.0, 1.5, 2.0, 3.0, 100.0)


# The best_hyperparam of obp's InverseProbabilityWeightingTuning,
# SwitchDoublyRobustTuning and DoublyRobustWithShrinkageTuning with lambdas of
# PARAMETERS, by tuning_method "mse" without use_bias_upper_bound, on the arrays of
# shared_log.
@pytest.mark.parametrize(
    ("family", "expected"),
    [(CLIPPED_IPS, 3.0), (SWITCH_DR, 0.5), (SHRUNK_DR, 0.5)],
)
def test_choices_are_those_of_obp(
    family: Family, expected: float, shared_log: LoggedData
) -> None:
    assert by_squared_error(shared_log, family, PARAMETERS) == expected


def test_squared_errors_are_those_of_obp(shared_log: LoggedData) -> None:
    unmodified = SHRUNK_DR.estimate(shared_log, math.inf).value
    found = [
        squared_error(SHRUNK_DR.estimate(shared_log, p), unmodified) for p in PARAMETERS
    ]

    # Its estimated_mse_score_dict, in the order of PARAMETERS.
    expected = (
        *(0.0015498199236470434, 0.0018273121821557742, 0.0021945161226540684),
        *(0.002556600089396113, 0.003222833103835491, 0.01223109358829239),
    )
    assert found == pytest.approx(expected, abs=1e-9)


def test_candidates_go_from_the_median_weight_to_no_limit(
    shared_log: LoggedData,
) -> None:
    found = candidates(shared_log, CLIPPED_IPS, 4)

    assert found[0] == pytest.approx(np.median(shared_log.weight))
    assert found[-2] == pytest.approx(shared_log.weight.max())
    assert found[-1] == math.inf
    assert list(found) == sorted(found)


def test_the_strength_of_shrinkage_is_a_squared_weight(
    shared_log: LoggedData,
) -> None:
    limits = candidates(shared_log, SWITCH_DR)

    assert candidates(shared_log, SHRUNK_DR) == tuple(limit**2 for limit in limits)


def test_without_a_positive_weight_there_is_nothing_to_limit() -> None:
    log = LoggedData(
        reward=np.array([1.0]),
        propensity=np.array([1.0]),
        target_probability=np.array([0.0]),
    )

    assert candidates(log, CLIPPED_IPS) == (math.inf,)


def test_nothing_to_choose_from_is_refused(shared_log: LoggedData) -> None:
    with pytest.raises(LoggedDataError, match="at least one"):
        by_squared_error(shared_log, CLIPPED_IPS, ())
