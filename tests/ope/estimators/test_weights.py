"""Importance weights, ways to bound them, and sums that merge."""

import math

import numpy as np
import pytest

from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.estimators.importance import ips, snips
from bandit_svc.ope.estimators.intervals import standard_error
from bandit_svc.ope.estimators.weights import (
    WeightedSums,
    clipped,
    effective_sample_size,
    shrunk,
    switched,
)
from bandit_svc.ope.logged import LoggedData

WEIGHT = np.array([0.0, 1.0, 3.0])


def test_effective_sample_size_by_hand() -> None:
    # (0 + 1 + 3)² / (0 + 1 + 9).
    assert effective_sample_size(WEIGHT) == pytest.approx(1.6)


def test_equal_weights_are_worth_their_number_and_zeros_nothing() -> None:
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_sample_size(np.zeros(7)) == 0


def test_clipping_switching_and_shrinking_by_hand() -> None:
    assert clipped(WEIGHT, 2).tolist() == [0, 1, 2]
    assert switched(WEIGHT, 2).tolist() == [0, 1, 0]
    # 2 w / (w² + 2).
    assert shrunk(WEIGHT, 2) == pytest.approx([0, 2 / 3, 6 / 11])


def test_no_limit_changes_no_weight_and_strength_0_leaves_none() -> None:
    for modify in (clipped, switched, shrunk):
        assert modify(WEIGHT, math.inf).tolist() == WEIGHT.tolist()
    assert shrunk(WEIGHT, 0).tolist() == [0, 0, 0]


def test_sums_give_what_the_whole_log_gives(shared_log: LoggedData) -> None:
    sums = WeightedSums.of(shared_log.weight, shared_log.reward)

    assert sums.ips == pytest.approx(ips(shared_log).value, rel=1e-12)
    assert sums.snips == pytest.approx(snips(shared_log).value, rel=1e-12)
    assert sums.ips_error == pytest.approx(standard_error(ips(shared_log)), rel=1e-12)
    assert sums.effective_sample_size == pytest.approx(
        effective_sample_size(shared_log.weight), rel=1e-12
    )
    assert sums.max_weight == shared_log.weight.max()


def test_merged_and_streamed_sums_are_those_of_the_whole(
    shared_log: LoggedData,
) -> None:
    weight, reward = shared_log.weight, shared_log.reward
    whole = WeightedSums.of(weight, reward)
    merged = WeightedSums.of(weight[:13], reward[:13]).merge(
        WeightedSums.of(weight[13:], reward[13:])
    )
    streamed = WeightedSums()
    for w, r in zip(weight, reward, strict=True):
        streamed = streamed.add(float(w), float(r))

    for other in (merged, streamed):
        assert other.n == whole.n
        assert other.snips == pytest.approx(whole.snips, rel=1e-12)
        assert other.ips_error == pytest.approx(whole.ips_error, rel=1e-12)
        assert other.max_weight == whole.max_weight


def test_nothing_has_no_mean() -> None:
    with pytest.raises(NoDataError, match="at least one decision"):
        _ = WeightedSums().ips
    with pytest.raises(NoDataError, match="weight above 0"):
        _ = WeightedSums.of([0.0], [1.0]).snips
    assert WeightedSums().effective_sample_size == 0


def test_one_decision_has_a_standard_error_of_0() -> None:
    assert WeightedSums.of([2.0], [1.0]).ips_error == 0
