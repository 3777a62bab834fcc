"""The reward model: against scikit-learn's numbers, by hand, and cross-fitted."""

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.regression import (
    Regression,
    cross_fitted,
    folds_of,
    predict,
)
from bandit_svc.ope.logged import LoggedData


def context() -> FloatArray:
    i = np.arange(40)
    return np.stack([i % 4, i % 6 / 6], axis=1)


# The first three rounds as scikit-learn 1.2.2 predicts them from
# hstack([context(), eye(3)[action]]) of shared_log, by its LogisticRegression with
# C=1.0, tol=1e-12 and solver="newton-cholesky", and by its Ridge with alpha=1.0.
@pytest.mark.parametrize(
    ("logistic", "expected"),
    [
        (True, (0.4375958438205214, 0.4485965662037544, 0.13675890238209137)),
        (False, (0.44682940230773927, 0.46454954313274593, 0.02929953804513713)),
    ],
)
def test_equal_to_scikit_learn(
    logistic: bool,  # noqa: FBT001 - the two kinds
    expected: tuple[float, ...],
    shared_log: LoggedData,
) -> None:
    assert shared_log.action is not None
    found = predict(
        context(),
        shared_log.action,
        shared_log.reward,
        np.eye(3),
        Regression(logistic=logistic, penalty=1.0),
        context()[:3],
    )

    assert found[np.arange(3), shared_log.action[:3]] == pytest.approx(
        expected, abs=1e-9
    )


def test_ridge_on_actions_alone_draws_their_means_together() -> None:
    # By hand: two rounds each of rewards 1 and 0. The intercept is 1/2; an action's
    # coefficient b minimises 2 (1/2 - b)² / 2 + b² / 2, so b = 1/3.
    found = predict(
        np.empty((4, 0)),
        np.array([0, 0, 1, 1]),
        np.array([1.0, 1.0, 0.0, 0.0]),
        np.eye(2),
        Regression(penalty=1.0),
        np.empty((1, 0)),
    )

    assert found[0] == pytest.approx([1 / 2 + 1 / 3, 1 / 2 - 1 / 3], abs=1e-9)


def test_a_model_an_action_learns_what_depends_on_both() -> None:
    # Action 0 pays where x is 1, action 1 where it is 0: no sum of effects says so.
    x = np.tile([0.0, 1.0], 50)[:, None]
    action = np.repeat([0, 1], 50)
    reward = (x[:, 0] != action).astype(float)
    new = np.array([[0.0], [1.0]])

    apart = predict(
        x, action, reward, np.eye(2), Regression(penalty=0.01, per_action=True), new
    )
    added = predict(x, action, reward, np.eye(2), Regression(penalty=0.01), new)

    assert apart == pytest.approx(np.array([[0, 1], [1, 0]]), abs=0.01)
    assert added == pytest.approx(np.full((2, 2), 0.5), abs=0.01)


def test_an_action_that_was_never_shown_gets_the_mean() -> None:
    found = predict(
        np.zeros((4, 1)),
        np.array([0, 0, 1, 1]),
        np.array([1.0, 1.0, 1.0, 0.0]),
        np.eye(3),
        Regression(per_action=True),
        np.zeros((1, 1)),
    )

    assert found[0, 2] == pytest.approx(0.75)


@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_rewards_all_alike_give_a_finite_model_between_0_and_1(reward: float) -> None:
    found = predict(
        context(),
        np.zeros(40, dtype=np.int64),
        np.full(40, reward),
        np.eye(1),
        Regression(logistic=True),
        context(),
    )

    # By hand: half a success and half a failure more.
    assert found == pytest.approx(np.full((40, 1), (40 * reward + 0.5) / 41))


def test_separable_rewards_converge_by_shorter_steps() -> None:
    x = np.linspace(-50, 50, 40)[:, None]
    found = predict(
        x,
        np.zeros(40, dtype=np.int64),
        (x[:, 0] > 45).astype(float),
        np.eye(1),
        Regression(logistic=True, penalty=1e-4),
        x,
    )

    assert np.all((found >= 0) & (found <= 1))
    assert found[-1, 0] > 0.9
    assert found[0, 0] < 1e-6


def test_no_round_is_predicted_by_a_model_that_saw_it() -> None:
    # With a tiny penalty and one round an action, a model that saw the round would
    # predict its reward.
    reward = np.array([1.0, 0.0, 1.0, 0.0])
    found = cross_fitted(
        np.empty((4, 0)),
        np.array([0, 0, 1, 1]),
        reward,
        np.eye(2),
        Regression(penalty=1e-6),
        np.array([0, 1, 0, 1]),
    )

    # Rounds 0 and 2 are predicted from rounds 1 and 3, which paid nothing.
    assert found[[0, 2]] == pytest.approx(np.zeros((2, 2)), abs=1e-6)
    assert found[[1, 3]] == pytest.approx(np.ones((2, 2)), abs=1e-6)


def test_folds_are_even_whatever_the_order_and_keep_units_together() -> None:
    folds = folds_of(np.arange(30_000), 3)

    # 10,000 each, of a standard deviation of 82.
    assert np.abs(np.bincount(folds) - 10_000).max() < 4 * 82
    for place in range(3):
        in_turn = np.bincount(folds[place::3], minlength=3)
        assert np.abs(in_turn - 10_000 / 3).max() < 4 * 48
    assert folds_of(np.array([7, 8, 7]), 3).tolist() == folds[[7, 8, 7]].tolist()


@pytest.mark.parametrize("per_action", [False, True])
@pytest.mark.parametrize("kinds", [2, 100])
def test_a_round_that_counts_thrice_is_three_rounds(
    kinds: int, *, per_action: bool
) -> None:
    rng = np.random.default_rng(5)
    n = 100
    # Of two kinds rounds are fitted together; a hundred are fitted one by one.
    x = (np.arange(n) % kinds / kinds).reshape(-1, 1)
    action, reward = rng.integers(0, 2, n), rng.random(n)
    folds, times = folds_of(np.arange(n), 3), np.where(np.arange(n) % 4 == 0, 3, 1)
    form = Regression(logistic=True, per_action=per_action)

    counted = cross_fitted(
        x, action, reward, np.eye(2), form, folds, times.astype(float)
    )
    rows = np.repeat(np.arange(n), times)
    written = cross_fitted(
        x[rows], action[rows], reward[rows], np.eye(2), form, folds[rows]
    )

    assert counted[rows] == pytest.approx(written, abs=1e-6)


def test_one_fold_is_refused() -> None:
    with pytest.raises(LoggedDataError, match="at least two folds"):
        cross_fitted(
            np.empty((2, 0)),
            np.array([0, 0]),
            np.zeros(2),
            np.eye(1),
            Regression(),
            np.zeros(2, dtype=np.int64),
        )
