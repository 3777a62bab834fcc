"""The reward model of one experiment, walked along its joined decisions.

Owns how it predicts a decision before it learns from it, how good that was, and its
row in the store. All candidates at one position of the log share one.
"""

from collections.abc import Sequence

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.rows import RewardModelRow
from policies.base import Action, PolicyError
from policies.reward_model import RewardModel


class Quality(msgspec.Struct, array_like=True):
    """How good predictions were, on scaled rewards of the treatment's decisions.

    Attributes:
        n: decisions.
        squares: sum of the squared errors of predictions made before learning.
        mean_squares: the same of the mean reward so far.
    """

    n: int = 0
    squares: float = 0.0
    mean_squares: float = 0.0

    @property
    def r_squared(self) -> float | None:
        """The share of the squared error that the model takes away; may be < 0."""
        if self.mean_squares <= 0:
            return None
        return 1 - self.squares / self.mean_squares


class Predictor:
    """Predicts, and then learns from, one joined decision after the other.

    Attributes:
        cursor: the last joined position that was learned from.
        quality: of its predictions so far.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._model = RewardModel(reward_range(definition))
        self.cursor = 0
        self.quality = Quality()

    def predicted(
        self, decision: Decision, actions: Sequence[Action], reward: float
    ) -> list[float]:
        """Predict each variant's reward, and note how far off the chosen one's was.

        Args:
            decision: of the treatment group.
            actions: its eligible variants.
            reward: what the choice earned; it does not enter the predictions. As
                these, scaled to [0, 1].
        """
        mean = self._model.mean
        try:
            predicted = self._model.predict(decision.context, actions)
        except PolicyError:
            # A context that it can't read is as good as an empty one.
            predicted = [mean] * len(actions)
        quality = self.quality
        quality.n += 1
        quality.squares += (reward - predicted[decision.chosen]) ** 2
        quality.mean_squares += (reward - mean) ** 2
        return predicted

    def learn(
        self, decision: Decision, actions: Sequence[Action], reward: float
    ) -> None:
        """Learn from a decision, unless the model refuses it."""
        example = (decision.chosen, decision.propensity, reward)
        try:
            self._model.learn(decision.context, actions, *example)
        except PolicyError:
            return

    def copy(self) -> "Predictor":
        """Give another one that stands where this one stands."""
        new = Predictor(self._definition)
        new._model.load(self._model.dump())
        new.cursor = self.cursor
        new.quality = msgspec.structs.replace(self.quality)
        return new

    def row(self, slot: int) -> RewardModelRow:
        """Return the row to store."""
        quality = msgspec.msgpack.encode(self.quality)
        return RewardModelRow(slot, self.cursor, quality, self._model.dump())

    @classmethod
    def kept(cls, row: RewardModelRow, definition: Definition) -> "Predictor | None":
        """Build one that goes on where it was kept; None if that can't be read."""
        new = cls(definition)
        quality = kept_quality(row.quality)
        try:
            new._model.load(row.state)
        except PolicyError:
            return None
        if quality is None:
            return None
        new.cursor, new.quality = row.cursor, quality
        return new


def kept_quality(stored: bytes) -> Quality | None:
    """Decode a stored quality; None if it can't be read."""
    try:
        return msgspec.msgpack.decode(stored, type=Quality)
    except msgspec.DecodeError:
        return None
