"""Predict the reward of each action from logged rounds, for DM and DR.

Owns ridge and logistic regression on context features and the action, and
cross-fitting: each round is predicted by a model that did not see it. Small on
purpose; a better model's predictions can be given to LoggedData just as well.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.logged import FloatArray, IntArray

MAX_STEPS = 50
TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Regression:
    """How to learn.

    Attributes:
        logistic: minimise log loss, for rewards in [0, 1] (fractions are allowed:
            quasi-likelihood); else squared error.
        penalty: times half the squared norm of all coefficients but the intercept;
            above 0, so that the solution is unique.
        per_action: one model an action on the context alone, so that an action's
            effect may depend on the context; else the sum of a context's and an
            action's effect. An action without rounds gets the mean reward.
    """

    logistic: bool = False
    penalty: float = 1.0
    per_action: bool = False


def cross_fitted(
    features: npt.ArrayLike,
    action: IntArray,
    reward: FloatArray,
    action_features: npt.ArrayLike,
    regression: Regression,
    folds: IntArray,
) -> FloatArray:
    """Predict each round's actions by a model of the other folds.

    Args:
        features: (n, d), what is known of the context; d may be 0.
        action: (n,), indices of the logged actions.
        reward: (n,).
        action_features: (K, f), what is known of each action; numpy.eye(K) if nothing
            is. With `per_action` only their number counts.
        regression: how to learn.
        folds: (n,), the fold of each round, at least two different.

    Returns:
        (n, K), the expected reward of each action.

    Raises:
        LoggedDataError: there is only one fold.

    References:
        Chernozhukov et al. (2018), "Double/debiased machine learning", section 3.
    """
    x = np.asarray(features, dtype=np.float64).reshape(reward.size, -1)
    names = np.unique(folds)
    if names.size < 2:  # noqa: PLR2004 - two sides are what crossing means
        raise LoggedDataError("cross-fitting needs at least two folds; got 1")
    actions = np.asarray(action_features, dtype=np.float64)
    predicted = np.empty((reward.size, actions.shape[0]))
    for name in names:
        test, train = folds == name, folds != name
        predicted[test] = predict(
            x[train], action[train], reward[train], actions, regression, x[test]
        )
    return predicted


def folds_of(n_rounds: int, count: int, cluster: IntArray | None = None) -> IntArray:
    """Deal rounds to folds in turn; all rounds of a cluster go to one fold.

    Deterministic, so that an estimate can be repeated, and spread over the whole log,
    so that no fold is all of one time.
    """
    order = np.arange(n_rounds)
    if cluster is not None:
        order = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    return (order % count).astype(np.int64)


def predict(
    features: FloatArray,
    action: IntArray,
    reward: FloatArray,
    action_features: FloatArray,
    regression: Regression,
    new_features: FloatArray,
) -> FloatArray:
    """Learn from rounds and predict (m, K) rewards for (m, d) new features."""
    if not regression.per_action:
        shown = action_features[action]
        beta = _fit(np.hstack([features, shown]), reward, regression)
        by_context = new_features @ beta[1 : 1 + features.shape[1]]
        by_action = action_features @ beta[1 + features.shape[1] :]
        score = beta[0] + by_context[:, None] + by_action[None, :]
        return _mean(score, regression)
    shape = (new_features.shape[0], action_features.shape[0])
    predicted = np.full(shape, float(reward.mean()))
    for index in np.unique(action):
        mine = action == index
        beta = _fit(features[mine], reward[mine], regression)
        score = beta[0] + new_features @ beta[1:]
        predicted[:, index] = _mean(score, regression)
    return predicted


def _mean(score: FloatArray, regression: Regression) -> FloatArray:
    means: FloatArray = special.expit(score) if regression.logistic else score
    return means


def _fit(x: FloatArray, reward: FloatArray, regression: Regression) -> FloatArray:
    """Give the intercept and the coefficients, (1 + d,)."""
    design = np.hstack([np.ones((x.shape[0], 1)), x])
    penalty = np.full(design.shape[1], regression.penalty)
    penalty[0] = 0.0
    if not regression.logistic:
        return _solve(design.T @ design, penalty, design.T @ reward)
    return _logistic(design, reward, penalty)


def _logistic(x: FloatArray, reward: FloatArray, penalty: FloatArray) -> FloatArray:
    """Newton's method, which for log loss is least squares, reweighted and repeated.

    A step that does not lower the loss is halved: with rare rewards the first full
    steps can overshoot.
    """

    def loss(beta: FloatArray) -> float:
        score = x @ beta
        fit = np.logaddexp(0, score) - reward * score
        return float(fit.sum() + 0.5 * (penalty * beta * beta).sum())

    beta = np.zeros(x.shape[1])
    # All rewards alike have their best intercept at infinity; one half of a success
    # and of a failure more keep it finite, and nothing else starts far from the mean.
    beta[0] = special.logit((reward.sum() + 0.5) / (reward.size + 1))
    if reward.min() == reward.max():
        return beta
    current = loss(beta)
    for _ in range(MAX_STEPS):
        chance = special.expit(x @ beta)
        gradient = x.T @ (reward - chance) - penalty * beta
        curvature = x.T @ (x * (chance * (1 - chance))[:, None])
        step = _solve(curvature, penalty, gradient)
        while loss(beta + step) > current and np.abs(step).max() > TOLERANCE:
            step = step / 2
        beta = beta + step
        current = loss(beta)
        if np.abs(step).max() <= TOLERANCE:
            break
    return beta


def _solve(matrix: FloatArray, penalty: FloatArray, right: FloatArray) -> FloatArray:
    # The intercept alone is not penalised; this keeps an empty design solvable.
    regular = matrix + np.diag(np.maximum(penalty, 1e-12))
    return np.asarray(np.linalg.solve(regular, right), dtype=np.float64)
