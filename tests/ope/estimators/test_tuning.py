"""The parameters that SLOPE and estimated squared error choose are obp's."""

import math

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.tuning import (
    CLIPPED_IPS,
    SHRUNK_DR,
    SWITCH_DR,
    Family,
    by_slope,
    by_squared_error,
    candidates,
    squared_error,
)
from bandit_svc.ope.logged import LoggedData

PARAMETERS = (0.5, 1.0, 1.5, 2.0, 3.0, 100.0)


# The best_hyperparam of obp's InverseProbabilityWeightingTuning,
# SwitchDoublyRobustTuning and DoublyRobustWithShrinkageTuning with lambdas of
# PARAMETERS and a delta of 0.1, by tuning_method "slope" and "mse" (with and without
# use_bias_upper_bound), on the arrays of shared_log.
@pytest.mark.parametrize(
    ("family", "slope", "bounded", "direct"),
    [
        (CLIPPED_IPS, 1.0, 100.0, 3.0),
        (SWITCH_DR, 0.5, 2.0, 0.5),
        (SHRUNK_DR, 0.5, 3.0, 0.5),
    ],
)
def test_choices_are_those_of_obp(
    family: Family, slope: float, bounded: float, direct: float, shared_log: LoggedData
) -> None:
    assert by_slope(shared_log, family, PARAMETERS, 0.9) == slope
    assert by_squared_error(shared_log, family, PARAMETERS, 0.9) == bounded
    assert by_squared_error(shared_log, family, PARAMETERS) == direct


# Their estimated_mse_score_dict, in the order of PARAMETERS.
@pytest.mark.parametrize(
    ("family", "confidence", "expected"),
    [
        (
            CLIPPED_IPS,
            0.9,
            (1.89309641279946, 1.540022870466426, 1.3252082179529716,
             1.2051521878126115, 1.0567909884025881, 1.0110207624557275),
        ),
        (
            SWITCH_DR,
            0.9,
            (1.0475964342193542, 1.0421524467378431, 1.015284528486712,
             0.9967301970858411, 1.1278275256648604, 1.0023814403219076),
        ),
        (
            SHRUNK_DR,
            None,
            (0.0015498199236470434, 0.0018273121821557742, 0.0021945161226540684,
             0.002556600089396113, 0.003222833103835491, 0.01223109358829239),
        ),
    ],
)  # fmt: skip
def test_squared_errors_are_those_of_obp(
    family: Family,
    confidence: float | None,
    expected: tuple[float, ...],
    shared_log: LoggedData,
) -> None:
    found = [squared_error(shared_log, family, p, confidence) for p in PARAMETERS]

    assert found == pytest.approx(expected, abs=1e-9)


def test_candidates_go_from_the_median_weight_to_no_limit(
    shared_log: LoggedData,
) -> None:
    found = candidates(shared_log, 4)

    assert found[0] == pytest.approx(np.median(shared_log.weight))
    assert found[-2] == pytest.approx(shared_log.weight.max())
    assert found[-1] == math.inf
    assert list(found) == sorted(found)


def test_without_a_positive_weight_there_is_nothing_to_limit() -> None:
    log = LoggedData(
        reward=np.array([1.0]),
        propensity=np.array([1.0]),
        target_probability=np.array([0.0]),
    )

    assert candidates(log) == (math.inf,)


def test_nothing_to_choose_from_is_refused(shared_log: LoggedData) -> None:
    for choose in (by_slope, by_squared_error):
        with pytest.raises(LoggedDataError, match="at least one"):
            choose(shared_log, CLIPPED_IPS, ())


def test_one_round_takes_the_only_parameter() -> None:
    log = LoggedData(
        reward=np.array([1.0]),
        propensity=np.array([0.5]),
        target_probability=np.array([1.0]),
    )

    assert by_slope(log, CLIPPED_IPS, (2.0,)) == 2.0
