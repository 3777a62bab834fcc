"""Contestants of other libraries, and two that are built of what they offer.

Owns the adapters of mabwiser, river and LightGBM, and logistic bootstraps. None of them
has a floor, since all but the last two choose with certainty: their logs could not be
evaluated. Rewards come to them as shares of the declared range. Needs
benchmarks/requirements.lock.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.quality.encoder import ActionEncoder, Encoder
from policies.base import Action, Context

BOOTSTRAPS = 5
_FIRST_FIT = 50
_FIT_EVERY = 1.5
_TREES = 60
_TREE_PARAMETERS = {
    "objective": "regression",
    "num_threads": 1,
    "verbosity": -1,
    "num_leaves": 15,
    "min_data_in_leaf": 5,
}


def certain(chosen: int, count: int) -> list[float]:
    """Return all mass on one action."""
    return [float(place == chosen) for place in range(count)]


class Mabwiser:
    """A contextual bandit of mabwiser: LinUCB or LinTS."""

    def __init__(self, policy: object, encoder: Encoder, seed: int) -> None:
        self._policy = policy
        self._encoder = encoder
        self._seed = seed
        self._bandit: Any = None
        self._known: set[str] = set()

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Choose what mabwiser expects most of; the first of those never tried."""
        for place, action in enumerate(actions):
            if action.key not in self._known:
                return certain(place, len(actions))
        expected = self._bandit.predict_expectations([self._encoder.encode(context)])
        values = [expected[action.key] for action in actions]
        return certain(int(np.argmax(values)), len(actions))

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Fit the arm of the chosen action."""
        del propensity
        from mabwiser.mab import MAB  # noqa: PLC0415 - of this contestant alone

        key = actions[chosen].key
        row = [key], [reward], [self._encoder.encode(context)]
        if self._bandit is None:
            self._bandit = MAB([key], self._policy, seed=self._seed)
            self._bandit.fit(*row)
        else:
            if key not in self._known:
                self._bandit.add_arm(key)
            self._bandit.partial_fit(*row)
        self._known.add(key)


class River:
    """A policy of river.bandit; one that takes no context where `encoder` is None."""

    def __init__(self, policy: object, encoder: Encoder | None = None) -> None:
        self._policy: Any = policy
        self._encoder = encoder

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Choose as river does."""
        keys = [action.key for action in actions]
        if self._encoder is None:
            chosen = self._policy.pull(keys)
        else:
            chosen = self._policy.pull(keys, context=self._encoder.named(context))
        return certain(keys.index(chosen), len(keys))

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Update the arm of the chosen action."""
        del propensity
        key = actions[chosen].key
        if self._encoder is None:
            self._policy.update(key, reward)
        else:
            self._policy.update(key, self._encoder.named(context), reward)


class RetrainedTrees:
    """LightGBM on context, action and its features, fitted again and again.

    It is fitted at 50 decisions and whenever there are half as many more, and explores
    with a share that falls from .3 to .02.
    """

    def __init__(self, encoder: Encoder, actions: ActionEncoder) -> None:
        self._encoder = encoder
        self._actions = actions
        self._rows: list[Any] = []
        self._rewards: list[float] = []
        self._next_fit = _FIRST_FIT
        self._model: Any = None

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Explore with a share, and else choose the largest prediction."""
        count = len(actions)
        if self._model is None:
            return [1.0 / count] * count
        predicted = self._model.predict(self._of(context, actions), num_threads=1)
        share = max(0.02, 0.3 * 500 / (500 + len(self._rows)))
        pmf = np.full(count, share / count)
        pmf[int(np.argmax(predicted))] += 1.0 - share
        found: list[float] = pmf.tolist()
        return found

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Keep the row, and fit where a fit is due."""
        del propensity
        self._rows.append(self._of(context, actions[chosen : chosen + 1])[0])
        self._rewards.append(reward)
        if len(self._rows) >= self._next_fit:
            self._next_fit = int(self._next_fit * _FIT_EVERY)
            from lightgbm import Dataset, train  # noqa: PLC0415 - of this one alone

            rows, rewards = np.array(self._rows), np.array(self._rewards)
            data = Dataset(rows, rewards)
            self._model = train(dict(_TREE_PARAMETERS), data, _TREES)

    def _of(self, context: Context, actions: Sequence[Action]) -> Any:  # noqa: ANN401 - as numpy has it
        about = self._actions.encode(actions)
        vector = np.broadcast_to(
            self._encoder.encode(context), (len(actions), self._encoder.length)
        )
        return np.column_stack([about, vector])


class LogisticBootstraps:
    """Five logistic regressions an action, each on its own resampling of the log.

    One of them chooses at each round, so that the pmf is their votes (Eckles and
    Kaptein 2014). Steps are Adagrad's.
    """

    def __init__(self, encoder: Encoder, actions: int, seed: int) -> None:
        self._encoder = encoder
        shape = BOOTSTRAPS, actions, encoder.length
        self._weights = np.zeros(shape)
        self._squares = np.full(shape, 1e-6)
        self._place: dict[str, int] = {}
        self._rng = np.random.default_rng(seed)
        self._seen = np.zeros((BOOTSTRAPS, actions))

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the share of the regressions that expect most of each action."""
        places = [self._of(action) for action in actions]
        values = self._weights[:, places] @ self._encoder.encode(context)
        # What was never seen is tried first.
        values[self._seen[:, places] == 0] = np.inf
        best = values == values.max(axis=1, keepdims=True)
        votes = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
        found: list[float] = votes.tolist()
        return found

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Take one step with each regression, as often as it has drawn the row."""
        del propensity
        place, x = self._of(actions[chosen]), self._encoder.encode(context)
        times = self._rng.poisson(1.0, BOOTSTRAPS).astype(float)
        predicted = 1.0 / (1.0 + np.exp(-(self._weights[:, place] @ x)))
        gradient = (times * (predicted - reward))[:, None] * x
        self._squares[:, place] += gradient**2
        self._weights[:, place] -= 0.3 * gradient / np.sqrt(self._squares[:, place])
        self._seen[:, place] += times

    def _of(self, action: Action) -> int:
        return self._place.setdefault(action.key, len(self._place))
