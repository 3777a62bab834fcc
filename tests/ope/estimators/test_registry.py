"""Every registered estimator, on the same log, whatever its module."""

from dataclasses import replace

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.registry import ESTIMATORS, PROGRESSIVE, Estimator
from bandit_svc.ope.logged import LoggedData
from bandit_svc.ope.progressive.corrected import Correction
from bandit_svc.ope.progressive.estimates import looks
from bandit_svc.ope.progressive.weighted import WeightedRewards

every = pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)


@every
def test_an_interval_holds_its_own_estimate(
    estimator: Estimator, shared_log: LoggedData
) -> None:
    found = estimator.read_once(shared_log)

    assert found.estimate is not None
    assert found.interval.lower is not None
    assert found.interval.upper is not None
    assert found.interval.lower <= found.estimate <= found.interval.upper


@every
def test_only_estimators_with_a_model_need_predictions(
    estimator: Estimator, shared_log: LoggedData
) -> None:
    without = replace(shared_log, q_hat=None)

    if estimator.needs_model:
        with pytest.raises(LoggedDataError, match="need action, pmf_target and q_hat"):
            estimator.read_once(without)
    else:
        assert estimator.read_once(without) == estimator.read_once(shared_log)


@every
def test_on_the_target_policys_own_log_all_give_the_mean_reward(
    estimator: Estimator,
) -> None:
    # All weights are 1 and the model predicts each action's mean reward, so that
    # every correction averages to 0.
    action = np.array([0, 1] * 50)
    reward = np.array([1.0, 0.0, 0.0, 1.0] * 25)
    log = LoggedData(
        reward=reward,
        propensity=np.full(100, 0.5),
        target_probability=np.full(100, 0.5),
        action=action,
        pmf_target=np.full((100, 2), 0.5),
        q_hat=np.full((100, 2), 0.5),
    )

    assert estimator.read_once(log).estimate == pytest.approx(0.5)


@pytest.mark.parametrize("name", PROGRESSIVE)
def test_sums_give_the_estimate_of_the_whole_log(
    name: str, shared_log: LoggedData
) -> None:
    rewards = WeightedRewards()
    predicted, direct = shared_log.predictions()
    rows = zip(shared_log.weight, shared_log.reward, predicted, direct, strict=True)
    bound = 1 / float(shared_log.propensity.min())
    for weight, reward, q, base in rows:
        peak = bound
        correction = Correction(float(q), float(base), peak, peak)
        rewards.add(float(weight), float(reward), bound, correction)
    (look,) = looks([rewards.summary()], 0.95)

    kept = PROGRESSIVE[name](look).estimate

    assert kept == pytest.approx(ESTIMATORS[name].read_once(shared_log).estimate)


def test_each_entry_is_described_in_sentences() -> None:
    for estimator in ESTIMATORS.values():
        for line in (
            *(estimator.meaning, estimator.bias),
            *(estimator.variance, estimator.use),
        ):
            assert line.endswith("."), (estimator.name, line)
