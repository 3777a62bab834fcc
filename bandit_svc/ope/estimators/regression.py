"""Predict the reward of each action from logged rounds, for DM and DR.

Owns ridge and logistic regression on context features and the action, and
cross-fitting: each round is predicted by a model that did not see it. The models are
small on purpose; LoggedData takes the predictions of any other model.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.row_table import RowTable

MAX_STEPS = 50
TOLERANCE = 1e-10
KIND_ROUNDS = 20
"""Rounds of equal features are fitted as one row if there are so many of each."""


@dataclass(frozen=True, slots=True)
class Regression:
    """Loss, penalty and form of a regression.

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
    multiplicity: FloatArray | None = None,
) -> FloatArray:
    """Predict each round's actions by a model of the other folds.

    Args:
        features: (n, d), what is known of the context; d may be 0.
        action: (n,), indices of the logged actions.
        reward: (n,).
        action_features: (K, f), what is known of each action; numpy.eye(K) if nothing
            is. With `per_action` only the number of rows is used.
        regression: loss, penalty and form.
        folds: (n,), the fold of each round, at least two different.
        multiplicity: (n,), how often each round counts; None if all count once.

    Returns:
        (n, K), the expected reward of each action.

    Raises:
        LoggedDataError: there is only one fold.

    References:
        Chernozhukov et al. (2018), "Double/debiased machine learning", section 3.
    """
    found = cross_fitted_rows(
        features, action, reward, action_features, regression, folds, multiplicity
    )
    return found.whole() if isinstance(found, RowTable) else found


def cross_fitted_rows(
    features: npt.ArrayLike,
    action: IntArray,
    reward: FloatArray,
    action_features: npt.ArrayLike,
    regression: Regression,
    folds: IntArray,
    multiplicity: FloatArray | None = None,
) -> FloatArray | RowTable:
    """Return what `cross_fitted` does, as a table where rounds are of few kinds.

    Raises:
        LoggedDataError: there is only one fold.
    """
    x = np.asarray(features, dtype=np.float64).reshape(reward.size, -1)
    if _numbered(folds)[1] < 2:  # noqa: PLR2004 - two sides are what crossing means
        raise LoggedDataError("cross-fitting needs at least two folds; got 1")
    actions = np.asarray(action_features, dtype=np.float64)
    kinds = None if regression.per_action else _kinds(x)
    if kinds is not None:
        first, kind = kinds
        gained = _Gained(reward, multiplicity)
        return _by_kind(x[first], kind, action, gained, actions, regression, folds)
    predicted = np.empty((reward.size, actions.shape[0]))
    for name in np.unique(folds):
        test, train = folds == name, folds != name
        predicted[test] = predict(
            x[train],
            action[train],
            reward[train],
            actions,
            regression,
            x[test],
            None if multiplicity is None else multiplicity[train],
        )
    return predicted


def folds_of(unit: IntArray, count: int) -> IntArray:
    """Return the fold of each round, (n,), by a hash of its unit.

    Deterministic, so that an estimate can be repeated. Each fold is spread over the
    whole log, so that none is all of one time. Dealt in turn, the places of a page that
    are logged in turn would have one fold each; a hash knows no order. All rounds of a
    unit are in one fold, so that no model has seen the unit that it predicts.

    Args:
        unit: (n,), the number of each round, or of whom it was for.
        count: of folds.

    References:
        Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators",
        OOPSLA, the mixing function of SplitMix64.
    """
    mixed = unit.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.asarray(mixed % np.uint64(count)).astype(np.int64)


def predict(
    features: FloatArray,
    action: IntArray,
    reward: FloatArray,
    action_features: FloatArray,
    regression: Regression,
    new_features: FloatArray,
    multiplicity: FloatArray | None = None,
) -> FloatArray:
    """Fit on rounds and return (m, K) predicted rewards for (m, d) new features."""
    counts = np.ones(reward.size) if multiplicity is None else multiplicity
    if not regression.per_action:
        shown = action_features[action]
        beta = _fit(_rounds(np.hstack([features, shown]), reward, counts), regression)
        return _table(beta, new_features, action_features, regression)
    shape = (new_features.shape[0], action_features.shape[0])
    predicted = np.full(shape, float(np.average(reward, weights=counts)))
    for index in np.unique(action):
        mine = action == index
        own = _rounds(features[mine], reward[mine], counts[mine])
        beta = _fit(own, regression)
        linear = beta[0] + new_features @ beta[1:]
        predicted[:, index] = _mean(linear, regression)
    return predicted


def _table(
    beta: FloatArray,
    features: FloatArray,
    action_features: FloatArray,
    regression: Regression,
) -> FloatArray:
    """Return (m, K) mean rewards for (m, d) features and all actions."""
    by_context = features @ beta[1 : 1 + features.shape[1]]
    by_action = action_features @ beta[1 + features.shape[1] :]
    linear = beta[0] + by_context[:, None] + by_action[None, :]
    return _mean(linear, regression)


def _kinds(x: FloatArray) -> tuple[IntArray, IntArray] | None:
    """Group rounds of equal features, if there are few groups.

    Returns:
        (u,) a round of each kind, and (n,) each round's kind; None if most rounds
            differ.
    """
    n, d = x.shape
    if d == 0:
        return np.zeros(1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    # Any projection to one number will do: rows of equal projection are compared below.
    projected = x @ np.random.default_rng(0).normal(size=d)
    few = max(1, n // KIND_ROUNDS)
    if np.unique(projected[: 2 * few]).size > few:
        return None
    _, first, kind = np.unique(projected, return_index=True, return_inverse=True)
    kind = kind.reshape(-1)
    if first.size > few or not np.array_equal(x[first][kind], x):
        return None
    return first.astype(np.int64), kind.astype(np.int64)


class _Gained(NamedTuple):
    """Rewards, and how often each counts; both (n,)."""

    reward: FloatArray
    multiplicity: FloatArray | None


def _by_kind(
    features: FloatArray,
    kind: IntArray,
    action: IntArray,
    gained: _Gained,
    action_features: FloatArray,
    regression: Regression,
    folds: IntArray,
) -> RowTable:
    """Return what `cross_fitted` does, from sums over rounds of equal features.

    Args:
        features: (u, d), of each kind.
        kind: (n,), in 0 .. u - 1; the others as there.
    """
    count = action_features.shape[0]
    cells = features.shape[0] * count
    fold, n_folds = _numbered(folds)
    row = fold * features.shape[0] + kind
    cell = row * count + action
    shape = (n_folds, cells)
    reward, multiplicity = gained
    earned = reward if multiplicity is None else reward * multiplicity
    n = np.bincount(cell, multiplicity, minlength=n_folds * cells).reshape(shape)
    sums = np.bincount(cell, earned, minlength=n_folds * cells).reshape(shape)
    x = np.hstack(
        [
            np.repeat(features, count, axis=0),
            np.tile(action_features, (features.shape[0], 1)),
        ]
    )
    tables = []
    for index in range(n_folds):
        there = np.delete(n, index, axis=0).sum(axis=0)
        rewards = np.delete(sums, index, axis=0).sum(axis=0)
        seen = there > 0
        learned = _Rounds(
            x[seen],
            rewards[seen],
            there[seen].astype(np.float64),
            alike=_alike(reward[fold != index]),
        )
        beta = _fit(learned, regression)
        tables.append(_table(beta, features, action_features, regression))
    return RowTable(np.vstack(tables), row)


def _numbered(folds: IntArray) -> tuple[IntArray, int]:
    """Number the folds from 0, in their order; return their number too."""
    if folds.min() < 0 or folds.max() > folds.size:
        names, fold = np.unique(folds, return_inverse=True)
        return fold.reshape(-1).astype(np.int64), names.size
    there = np.bincount(folds) > 0
    return (np.cumsum(there) - 1)[folds], int(there.sum())


def _alike(reward: FloatArray) -> bool:
    return bool(reward.min() == reward.max())


@dataclass(frozen=True, slots=True)
class _Rounds:
    """Rounds to learn from, those of equal features and action as one row.

    Attributes:
        x: (m, d).
        reward: (m,), the sum of their rewards.
        count: (m,), the number of rounds, or how often they count.
        alike: true if all rewards are equal.
    """

    x: FloatArray
    reward: FloatArray
    count: FloatArray
    alike: bool


def _rounds(x: FloatArray, reward: FloatArray, counts: FloatArray) -> _Rounds:
    return _Rounds(x, reward * counts, counts, _alike(reward))


def _mean(linear: FloatArray, regression: Regression) -> FloatArray:
    means: FloatArray = special.expit(linear) if regression.logistic else linear
    return means


def _fit(rounds: _Rounds, regression: Regression) -> FloatArray:
    """Return the intercept and the coefficients, (1 + d,)."""
    x, reward, count = rounds.x, rounds.reward, rounds.count
    design = np.hstack([np.ones((x.shape[0], 1)), x])
    penalty = np.full(design.shape[1], regression.penalty)
    penalty[0] = 0.0
    if not regression.logistic:
        # Normal equations of ridge regression, with each row as often as it occurred.
        return _solve(design.T @ (design * count[:, None]), penalty, design.T @ reward)
    # If all rewards are 0, or all 1, the maximum likelihood intercept is infinite. Half
    # a success and half a failure more keep it finite (Haldane 1956 and Anscombe 1956,
    # the empirical logit).
    beta = np.zeros(design.shape[1])
    beta[0] = special.logit((reward.sum() + 0.5) / (count.sum() + 1))
    return beta if rounds.alike else _logistic(design, rounds, penalty, beta)


def _logistic(
    x: FloatArray, rounds: _Rounds, penalty: FloatArray, beta: FloatArray
) -> FloatArray:
    """Minimise the log loss by Newton's method (iteratively reweighted least squares).

    A step that does not lower the loss is halved: with rare rewards the first full
    steps can overshoot. Hastie, Tibshirani and Friedman (2009), section 4.4.1.
    """
    reward, count = rounds.reward, rounds.count

    def loss(beta: FloatArray) -> float:
        linear = x @ beta
        fit = count * np.logaddexp(0, linear) - reward * linear
        return float(fit.sum() + 0.5 * (penalty * beta * beta).sum())

    current = loss(beta)
    for _ in range(MAX_STEPS):
        chance = special.expit(x @ beta)
        gradient = x.T @ (reward - count * chance) - penalty * beta
        curvature = x.T @ (x * (count * chance * (1 - chance))[:, None])
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
