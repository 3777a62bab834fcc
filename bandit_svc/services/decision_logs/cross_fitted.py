"""Predict rewards of a log for the direct and the doubly robust estimates.

Owns the form of the model: effects of the context's columns and of the actions (by
their features if there are some, else one effect an action), one model a position; log
loss for rewards in [0, 1], else squared error; three folds, by the hash of the unit.
"""

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.ope.estimators.regression import (
    Regression,
    cross_fitted,
    cross_fitted_rows,
    folds_of,
)
from bandit_svc.ope.row_table import RowTable

FOLDS = 3
MAX_MODEL_CELLS = 30_000_000
"""Decisions times (actions + features) beyond which no model is learned: each matrix
of this size takes 240 MB, and a few are needed at once."""
MIN_ROUNDS = 30
"""The predictions for a position with fewer decisions are the mean reward."""


def has_room(log: DecisionLog) -> bool:
    """Return true if (n, K) predictions fit into memory."""
    width = 0 if log.features is None else log.features.shape[1]
    return log.n * (len(log.actions) + width) <= MAX_MODEL_CELLS


def predicted_rewards(
    log: DecisionLog, action_features: FloatArray | None = None
) -> FloatArray | RowTable:
    """Return (n, K) predicted rewards, each by a model that did not see its fold.

    Args:
        log: the log.
        action_features: (K, f), the features of each action.
    """
    count = len(log.actions)
    shown = np.eye(count) if action_features is None else action_features
    features = log.features if log.features is not None else np.zeros((log.n, 0))
    reward = log.reward
    logistic = bool(reward.min() >= 0 and reward.max() <= 1)
    regression = Regression(logistic=logistic)
    folds = folds_of(np.arange(log.n) if log.unit is None else log.unit, FOLDS)
    places = log.position if log.position is not None else np.zeros(log.n)
    times = log.multiplicity
    predicted: FloatArray | None = None
    for place in np.unique(places):
        here = places == place
        # Rounds of one unit are in one fold, and leave nothing to learn from.
        if int(here.sum()) < MIN_ROUNDS or np.ptp(folds[here]) == 0:
            continue
        if here.all():
            return cross_fitted_rows(
                features, log.action, reward, shown, regression, folds, times
            )
        if predicted is None:
            predicted = np.full((log.n, count), log.mean_reward)
        predicted[here] = cross_fitted(
            features[here],
            log.action[here],
            reward[here],
            shown,
            regression,
            folds[here],
            None if times is None else times[here],
        )
    if predicted is None:
        every = np.full((1, count), log.mean_reward)
        return RowTable(every, np.zeros(log.n, dtype=np.int64))
    return predicted
