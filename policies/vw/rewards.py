"""Vowpal Wabbit as one model of the reward among others.

Owns the expected reward of each action by the regression that kind `vw` has with its
defaults, in the unit of the rewards, and its state: the running scale and the model.
"""

import math
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from policies.base import Action, Context, RewardRange
from policies.vw.explorers import default_command_line
from policies.vw.model import Model
from policies.vw.scales import LABEL_BOUND, RunningScale

_COUNT = struct.Struct(">Q")

Floats = npt.NDArray[np.float64]

_UNBOUNDED = RewardRange(0.0, None)


class RewardModel:
    """Predicts the reward of each action; a reward is 0 or more."""

    def __init__(self) -> None:
        self._model = Model(default_command_line())
        self._scale = RunningScale(_UNBOUNDED)
        self._learned_count = 0

    def expected(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the expected reward of each action.

        Raises:
            PolicyError: a feature is refused.
        """
        costs = self._model.predicted(self._scale.shared_line(context), actions)
        mean, deviation = self._scale.rewards
        return [mean + deviation * _bounded(-cost) for cost in costs]

    def expected_of_all(
        self, context: Context, lists: Sequence[Sequence[Action]]
    ) -> Floats:
        """Return what `expected` returns for each list, one after the other.

        Raises:
            PolicyError: a feature is refused.
        """
        shared = self._scale.shared_line(context)
        labels = -np.array(self._model.predicted_of_all(shared, lists))
        mean, deviation = self._scale.rewards
        # As `_bounded` does, in one call for all.
        labels[np.isnan(labels)] = 0.0
        np.clip(labels, -LABEL_BOUND, LABEL_BOUND, out=labels)
        found: Floats = mean + deviation * labels
        return found

    def read(self, actions: Sequence[Action]) -> None:
        """Read actions that are learned next.

        Raises:
            PolicyError: a feature is refused.
        """
        self._model.read(actions)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> float:
        """Learn one example, and return the reward that was expected before.

        Vowpal Wabbit predicts to learn, so that the expectation costs nothing.

        Raises:
            PolicyError: a feature is refused; nothing was learned.
        """
        # By the moments that don't know the reward: it must not help to predict itself.
        mean, deviation = self._scale.rewards
        shared, label = self._scale.learned(context, reward)
        costs = self._model.predicted_and_learned(
            shared, actions, chosen, propensity, label
        )
        self._learned_count += 1
        return mean + deviation * _bounded(-costs[chosen])

    def dump(self) -> bytes:
        """Return the count, the scale and the model; no bytes before any example."""
        if not self._learned_count:
            return b""
        head = _COUNT.pack(self._learned_count) + self._scale.dump()
        return head + self._model.dump()

    @classmethod
    def loaded(cls, state: bytes) -> "RewardModel":
        """Return the model that was dumped.

        Raises:
            PolicyError: the bytes can't be read.
        """
        new = cls()
        if state:
            (new._learned_count,) = _COUNT.unpack_from(state)
            model, new._scale = new._scale.loaded(state[_COUNT.size :])
            new._model = new._model.loaded(model, new._learned_count)
        return new

    def finish(self) -> None:
        """Finish the workspace; the model must not be used any more."""
        self._model.finish()


def _bounded(label: float) -> float:
    """Return a predicted label within those that are learned; 0 for what is none."""
    if math.isnan(label):
        return 0.0
    return min(max(label, -LABEL_BOUND), LABEL_BOUND)
