"""Health checks: thresholds, sentences, and refusals."""

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.diagnostics import (
    Check,
    effective_sample_size_check,
    largest_weight_check,
    mean_weight_check,
    overlap_check,
    propensity_check,
    refusal,
    uncovered_share,
    weight_tail_check,
)
from bandit_svc.ope.audit.propensity_audit import Choices, PropensityAudit
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.logged import LoggedData


def sums(weight: list[float]) -> WeightedSums:
    return WeightedSums.of(weight, np.zeros(len(weight)))


def test_a_sound_log_is_not_refused_and_passes_all_checks() -> None:
    shown = np.arange(2_000) % 5 == 0
    log = LoggedData(
        reward=np.zeros(2_000),
        propensity=np.where(shown, 0.2, 0.8),
        target_probability=shown.astype(float),
    )

    sums_of_log = WeightedSums.of(log.weight, log.reward)
    checks = (
        effective_sample_size_check(sums_of_log),
        largest_weight_check(sums_of_log),
        weight_tail_check(log.weight),
        mean_weight_check(log.weight),
    )

    assert refusal(sums_of_log) is None
    assert [check.status for check in checks] == ["ok"] * 4


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        ([], "No decision has matured yet"),
        ([0.0] * 9, "None of the 9 logged decisions"),
        ([1.0] * 49, "of 49 logged decisions is 49.0 for this policy; at least 50"),
        ([1.0] * 900 + [101.0], "One decision of 901 carries 10% of the evidence"),
        ([0.5] * 1000, "The mean weight is 0.500 and should be 1"),
        ([1.3] * 1000, "The mean weight is 1.300 and should be 1"),
    ],
)
def test_a_log_that_carries_no_estimate_is_refused_with_the_reason(
    weight: list[float], reason: str
) -> None:
    found = refusal(sums(weight))

    assert found is not None
    assert found.startswith(reason) or reason in found


@pytest.mark.parametrize(
    "weight", [[1.0] * 50, [1.0] * 900 + [90.0], [0.9] * 1000, [0.0, 2.4] * 100]
)
def test_a_log_just_good_enough_is_not_refused(weight: list[float]) -> None:
    # The last has a mean weight of 1.2.
    assert refusal(sums(weight)) is None


@pytest.mark.parametrize(
    ("count", "status"), [(49, "fail"), (50, "warn"), (199, "warn"), (200, "ok")]
)
def test_effective_sample_size_thresholds(count: int, status: str) -> None:
    assert effective_sample_size_check(sums([1.0] * count)).status == status


@pytest.mark.parametrize(
    ("largest", "status"), [(1.0, "ok"), (40.0, "warn"), (120.0, "fail")]
)
def test_largest_weight_thresholds(largest: float, status: str) -> None:
    assert largest_weight_check(sums([1.0] * 1_000 + [largest])).status == status


def test_no_weight_at_all_fails() -> None:
    assert largest_weight_check(sums([0.0])).status == "fail"


def test_a_heavy_tail_warns_and_a_light_one_does_not() -> None:
    generator = np.random.default_rng(1)
    uniform = 1 - generator.random(5_000)

    assert weight_tail_check(uniform**-1.2).status == "warn"
    assert weight_tail_check(uniform**-0.2).status == "ok"


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        (np.zeros(9), "No weight is above 0, so there is no tail."),
        (np.ones(100), "All 100 positive weights are 1.00, so there is no tail."),
        (
            np.arange(21.0),
            "20 positive weights are too few to judge their tail; 21 are needed.",
        ),
        (
            np.tile([1.0, 5.0], 45),
            (
                "The largest of 90 positive weights are alike, none above 5.00, "
                "so there is no tail."
            ),
        ),
    ],
)
def test_weights_without_a_tail_are_described(
    weight: FloatArray, sentence: str
) -> None:
    assert weight_tail_check(weight) == Check("weight_tail", "ok", sentence)


def test_the_mean_weight_must_be_1() -> None:
    right = mean_weight_check(np.tile([0.0, 2.0], 2_000))
    wrong = mean_weight_check(np.tile([0.0, 1.4], 2_000))

    assert right.status == "ok"
    assert right.numbers["mean_weight"] == 1
    assert wrong.status == "fail"
    assert "the log never takes some" in wrong.detail


def test_weights_of_exactly_1_are_right() -> None:
    assert mean_weight_check(np.ones(100)).status == "ok"


@pytest.mark.parametrize(
    ("target", "status", "share"),
    [([1, 0, 0], "ok", 0), ([0.97, 0.03, 0], "warn", 0.03), ([0, 0, 1], "fail", 1)],
)
def test_overlap_is_the_share_of_choices_that_the_log_hardly_takes(
    target: list[float], status: str, share: float
) -> None:
    logging = np.tile([0.98, 0.02, 0.0], (10, 1))
    check = overlap_check(
        uncovered_share(np.tile(target, (10, 1)), logging, 0.05), 0.05
    )

    assert check.status == status
    assert check.numbers["share"] == pytest.approx(share)


def test_without_a_floor_only_the_impossible_is_not_covered() -> None:
    check = overlap_check(
        uncovered_share(np.full((10, 2), 0.5), np.tile([1e-9, 1.0], (10, 1)), 0.0), 0.0
    )

    assert check.status == "ok"


def propensities(action: int, pmf: list[float], logged: float, n: int) -> Check:
    choices = Choices(
        action=np.full(n, action),
        n_actions=2,
        propensity=np.full(n, logged),
        pmf=np.tile(pmf, (n, 1)),
    )
    return propensity_check(PropensityAudit().add(choices))


def test_the_propensity_check_says_what_it_found() -> None:
    always = propensities(0, [0.5, 0.5], 0.5, 400)
    mistaken = propensities(0, [0.5, 0.5], 0.4, 3)
    few = propensities(0, [0.5, 0.5], 0.5, 2)

    assert always.status == "fail"
    assert "are not the chances that actions were chosen with" in always.detail
    assert mistaken.status == "fail"
    assert mistaken.detail.startswith("3 of 3 decisions were logged with another")
    assert few.status == "ok"


def test_a_suspicion_that_could_be_chance_only_warns() -> None:
    statuses = [propensities(0, [0.5, 0.5], 0.5, n).status for n in range(1, 40)]

    assert statuses == sorted(statuses, key=["ok", "warn", "fail"].index)
    assert "warn" in statuses
