"""The Open Bandit Dataset: real logs of ZOZOTOWN, evaluated for the other policy.

The numbers of campaign `all` are the reference of the project, taken with numpy alone
and confirmed by obp 0.5.7: IPS 0.00455288, DM 0.003933 and DR 0.004716 with its
RegressionModel(LogisticRegression(), action_context one-hot, len_list=3) and
fit_predict(n_folds=3, random_state=12345); DM 0.003545 and DR 0.004727 with its item
features as action_context.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.audit.diagnostics import mean_weight_check, refusal
from bandit_svc.ope.audit.propensity_audit import Choices, PropensityAudit
from bandit_svc.ope.estimators.direct import direct_method
from bandit_svc.ope.estimators.doubly_robust import doubly_robust
from bandit_svc.ope.estimators.importance import ips, snips
from bandit_svc.ope.estimators.intervals import normal, standard_error
from bandit_svc.ope.estimators.regression import Regression, cross_fitted, folds_of
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.logged import LoggedData
from tests.harness.open_bandit_log import OpenBanditLog

Read = Callable[[str, str], OpenBanditLog]


def thompson_from_random(log: OpenBanditLog, q_hat: FloatArray | None) -> LoggedData:
    """The random policy's log, as the Thompson policy would have chosen."""
    pmf = log.thompson_pmf[:, log.position].T
    return LoggedData(
        reward=log.reward,
        propensity=log.propensity,
        target_probability=pmf[np.arange(log.action.size), log.action],
        action=log.action,
        pmf_target=pmf,
        q_hat=q_hat,
    )


def random_from_thompson(log: OpenBanditLog) -> LoggedData:
    """The Thompson policy's log, as the random policy would have chosen."""
    return LoggedData(
        reward=log.reward,
        propensity=log.propensity,
        target_probability=np.full(log.reward.size, 1 / log.thompson_pmf.shape[0]),
    )


def by_position(log: OpenBanditLog, action_features: FloatArray) -> FloatArray:
    """Cross-fit one logistic model a position, as obp does: (n, K)."""
    predicted = np.empty((log.reward.size, log.thompson_pmf.shape[0]))
    folds = folds_of(np.arange(log.reward.size), 3)
    for position in range(3):
        rows = log.position == position
        predicted[rows] = cross_fitted(
            log.user_features[rows],
            log.action[rows],
            log.reward[rows],
            action_features,
            Regression(logistic=True, penalty=1.0),
            folds[rows],
        )
    return predicted


def test_thompson_from_the_random_log_equals_the_reference(open_bandit: Read) -> None:
    logged = thompson_from_random(open_bandit("random", "all"), None)
    sums = WeightedSums.of(logged.weight, logged.reward)

    assert f"{ips(logged).value:.6f}" == "0.004553"
    assert f"{standard_error(ips(logged)):.6f}" == "0.002090"
    assert f"{snips(logged).value:.6f}" == "0.004776"
    assert f"{sums.mean_weight:.4f}" == "0.9533"
    assert f"{sums.max_weight:.2f}" == "19.60"
    assert f"{sums.effective_sample_size:.1f}" == "1639.5"
    assert refusal(sums) is None


def test_random_from_the_thompson_log_equals_the_reference(open_bandit: Read) -> None:
    logged = random_from_thompson(open_bandit("bts", "all"))
    sums = WeightedSums.of(logged.weight, logged.reward)
    interval = normal(ips(logged))

    assert f"{ips(logged).value:.6f}" == "0.002360"
    assert f"{interval.lower:.6f}, {interval.upper:.6f}" == "0.000652, 0.004067"
    assert f"{snips(logged).value:.6f}" == "0.002334"
    assert f"{sums.effective_sample_size:.1f}" == "340.4"
    assert f"{sums.max_weight:.1f}" == "277.8"
    assert refusal(sums) is None


def test_ips_is_what_obp_computes(open_bandit: Read) -> None:
    logged = thompson_from_random(open_bandit("random", "all"), None)

    assert ips(logged).value == pytest.approx(0.00455288, abs=1e-9)


def test_models_of_one_hot_actions_are_within_2_percent_of_obp(
    open_bandit: Read,
) -> None:
    # Folds differ, nothing else: obp shuffles them, ours are dealt in turn.
    log = open_bandit("random", "all")
    logged = thompson_from_random(log, by_position(log, np.eye(80)))

    assert direct_method(logged).value == pytest.approx(0.003933, rel=0.02)
    assert doubly_robust(logged).value == pytest.approx(0.004716, rel=0.02)


def test_models_of_item_features_are_within_5_percent_of_obp(
    open_bandit: Read,
) -> None:
    log = open_bandit("random", "all")
    logged = thompson_from_random(log, by_position(log, log.item_features))

    assert direct_method(logged).value == pytest.approx(0.003545, rel=0.05)
    assert doubly_robust(logged).value == pytest.approx(0.004727, rel=0.05)


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_the_thompson_policy_earned_what_the_random_log_says(
    campaign: str, open_bandit: Read
) -> None:
    logged = thompson_from_random(open_bandit("random", campaign), None)
    earned = float(open_bandit("bts", campaign).reward.mean())
    interval = normal(snips(logged))

    assert refusal(WeightedSums.of(logged.weight, logged.reward)) is None
    assert interval.lower is not None
    assert interval.upper is not None
    assert interval.lower <= earned <= interval.upper


def test_a_log_that_can_not_carry_the_estimate_is_refused(open_bandit: Read) -> None:
    # One propensity of the women's Thompson log is 0.000001.
    logged = random_from_thompson(open_bandit("bts", "women"))
    reason = refusal(WeightedSums.of(logged.weight, logged.reward))

    assert reason is not None
    assert reason.startswith("One decision of 10,000 carries 69% of the evidence")


def test_the_random_log_has_true_propensities(open_bandit: Read) -> None:
    log = open_bandit("random", "all")
    choices = Choices(
        action=log.action,
        n_actions=80,
        propensity=log.propensity,
        pmf=np.full((log.action.size, 80), 1 / 80),
        cell=log.position,
        n_cells=3,
    )
    audit = PropensityAudit().add(choices)

    assert audit.mismatched == 0
    assert audit.p_value > 0.05


def test_a_table_of_mean_propensities_is_not_the_thompson_policy(
    open_bandit: Read,
) -> None:
    # The trap of this dataset: means of logged propensities, by item and position,
    # are chances given that the item was shown, and sum to far more than 1.
    random, thompson = open_bandit("random", "all"), open_bandit("bts", "all")
    table = np.zeros((80, 3))
    shown = np.zeros((80, 3))
    place = (thompson.action, thompson.position)
    np.add.at(table, place, thompson.propensity)
    np.add.at(shown, place, 1)
    table /= np.maximum(shown, 1)
    weight = table[random.action, random.position] / random.propensity

    check = mean_weight_check(weight)

    assert check.status == "fail"
    assert check.numbers["mean_weight"] > 1.5
