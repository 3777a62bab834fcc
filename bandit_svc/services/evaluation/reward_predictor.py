"""Predict rewards for an experiment's candidates along its joined decisions.

Owns how a reward model predicts a decision before it learns from it, how good that
was, and its row in the store; and which models there are: one for each position of
the log that candidates have reached. Usually there is one. A candidate that catches
up from the start of the log needs the model as it was then, so it has its own until
it has caught up.
"""

from collections.abc import Iterable, Sequence

import msgspec

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import is_lower_slot
from bandit_svc.domain.experiment import TREATMENT, Definition
from bandit_svc.domain.times import Deadline
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.progressive.seen_units import SeenUnits
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.rows import JoinedRow, RewardModelRow
from policies.base import PolicyError, RewardRange
from policies.reward_model import RewardModel


class Quality(msgspec.Struct, array_like=True):
    """The accuracy of predictions, on scaled rewards of the treatment's decisions.

    Attributes:
        n: number of decisions.
        squares: sum of the squared errors of predictions made before learning.
        mean_squares: sum of the squared errors of predicting the mean of the rewards
            learned so far and one assumed reward of 0.5.
    """

    n: int = 0
    squares: float = 0.0
    mean_squares: float = 0.0

    @property
    def r_squared(self) -> float | None:
        """The share of the squared error that the model removes; may be below 0."""
        if self.mean_squares <= 0:
            return None
        return 1 - self.squares / self.mean_squares


class _Kept(msgspec.Struct, array_like=True):
    """The state as bytes hold it: the units that have come, and the model."""

    units: bytes
    model: bytes


class RewardPredictor:
    """Predicts, and then learns from, one joined decision after the other.

    It also knows which units have come before.

    Attributes:
        cursor: the last joined position passed, learned from or not; set by `advance`
            and by candidate.evaluate_and_learn.
        quality: of its predictions so far.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._scale = reward_range(definition)
        self._known = self._scale.maximum is not None
        self._model = RewardModel(self._scale if self._known else RewardRange())
        self.cursor = 0
        self.quality = Quality()
        self._units = SeenUnits()

    def is_first(self, decision: Decision) -> bool:
        """Return true if nothing of a decision's unit came before.

        A lower slot of a page has the slots above it before it.
        """
        unit = decision.unit_id
        if is_lower_slot(decision.id):
            return False
        return unit is None or unit not in self._units

    def predict(
        self, row: JoinedRow, decision: Decision, examples: JoinedExamples
    ) -> list[float] | None:
        """Predict the reward of each eligible variant, and record the error.

        The row's reward enters the quality, not the predictions: these must not
        depend on the outcome for the doubly robust estimate to be unbiased. The
        quality is of the treatment's decisions.

        Returns:
            (K,), scaled to [0, 1]; None in an experiment without a maximum reward.
        """
        if not self._known:
            return None
        actions = examples.actions(decision)
        mean = self._model.mean
        try:
            predicted = self._model.predict(decision.context, actions)
        except PolicyError:
            # A context that the model can't read is as good as an empty one.
            predicted = [mean] * len(actions)
        if decision.group == TREATMENT:
            reward, quality = self._scale.scaled(row.reward), self.quality
            quality.n += 1
            quality.squares += (reward - predicted[decision.chosen]) ** 2
            quality.mean_squares += (reward - mean) ** 2
        return predicted

    def pass_on(
        self, row: JoinedRow, decision: Decision, examples: JoinedExamples
    ) -> None:
        """Learn from a learnable row that the model accepts; remember the unit."""
        if decision.unit_id is not None:
            self._units.add(decision.unit_id)
        if not (row.learnable and self._known):
            return
        example = (decision.chosen, decision.weighed_by, row.reward)
        try:
            self._model.learn(decision.context, examples.actions(decision), *example)
        except PolicyError:
            return

    def advance(self, rows: Sequence[JoinedRow], examples: JoinedExamples) -> None:
        """Predict and learn from the next rows; predictions only enter the quality."""
        for row in rows:
            decision = row.decision
            if decision.group == TREATMENT:
                self.predict(row, decision, examples)
            self.pass_on(row, decision, examples)
        self.cursor = rows[-1].position

    def copy(self) -> "RewardPredictor":
        """Return an independent one in the same state."""
        new = RewardPredictor(self._definition)
        new._model.load(self._model.dump())
        new._units = self._units.copy()
        new.cursor = self.cursor
        new.quality = msgspec.structs.replace(self.quality)
        return new

    def row(self, slot: int) -> RewardModelRow:
        """Return the row to store."""
        quality = msgspec.msgpack.encode(self.quality)
        kept = _Kept(self._units.to_bytes(), self._model.dump())
        return RewardModelRow(slot, self.cursor, quality, msgspec.msgpack.encode(kept))

    @classmethod
    def restored(
        cls, row: RewardModelRow, definition: Definition
    ) -> "RewardPredictor | None":
        """Return one in the stored state; None if the row can't be read."""
        new = cls(definition)
        quality = stored_quality(row.quality)
        try:
            kept = msgspec.msgpack.decode(row.state, type=_Kept)
            new._units = SeenUnits.from_bytes(kept.units)
            new._model.load(kept.model)
        except (msgspec.DecodeError, LoggedDataError, PolicyError):
            return None
        if quality is None:
            return None
        new.cursor, new.quality = row.cursor, quality
        return new


def stored_quality(stored: bytes) -> Quality | None:
    """Decode a stored quality; None if it can't be read."""
    try:
        return msgspec.msgpack.decode(stored, type=Quality)
    except msgspec.DecodeError:
        return None


class RewardPredictors:
    """The reward models of one experiment, by the position that each has reached."""

    def __init__(self, examples: JoinedExamples) -> None:
        self._examples = examples
        self._all: list[RewardPredictor] = []
        self._stored_cursors: list[int] = []

    def load(self, rows: Iterable[RewardModelRow], definition: Definition) -> None:
        """Resume from the stored rows; one that can't be read is computed again."""
        found = [RewardPredictor.restored(row, definition) for row in rows]
        self._all = [predictor for predictor in found if predictor is not None]

    def at(
        self, cursor: int, taken: set[int], definition: Definition, time_is_up: Deadline
    ) -> RewardPredictor | None:
        """Return the model at a cursor; None if it could not catch up in time.

        The next call resumes, and does at least one batch.

        Args:
            cursor: a joined position.
            taken: cursors of all candidates; a model behind `cursor` at one of them
                is copied before it is advanced.
            definition: of the experiment.
            time_is_up: asked after each batch.
        """
        predictor = self._nearest(cursor)
        if predictor is None:
            predictor = RewardPredictor(definition)
            self._all.append(predictor)
        elif predictor.cursor < cursor and predictor.cursor in taken:
            predictor = predictor.copy()
            self._all.append(predictor)
        for rows in self._examples.rows((predictor.cursor, cursor)):
            predictor.advance(rows, self._examples)
            if time_is_up():
                break
        return predictor if predictor.cursor == cursor else None

    def prune(self, taken: set[int]) -> None:
        """Drop the models that no candidate at these cursors will need."""
        nearest = [self._nearest(cursor) for cursor in sorted(taken, reverse=True)]
        found: list[RewardPredictor] = []
        for predictor in nearest:
            if predictor is not None and predictor not in found:
                found.append(predictor)
        self._all = found

    @property
    def changed(self) -> bool:
        """True if the models' positions differ from those last stored.

        After a load, no position counts as stored.
        """
        return [p.cursor for p in self._all] != self._stored_cursors

    def rows(self) -> tuple[RewardModelRow, ...]:
        """Return the rows to store.

        After `prune` the most advanced model comes first; reports read its quality.
        """
        return tuple(p.row(slot) for slot, p in enumerate(self._all))

    def stored(self, rows: Iterable[RewardModelRow]) -> None:
        """Record that these rows are in the store."""
        self._stored_cursors = [row.cursor for row in rows]

    def _nearest(self, cursor: int) -> RewardPredictor | None:
        """Return the most advanced model that is not beyond a cursor."""
        before = [p for p in self._all if p.cursor <= cursor]
        return max(before, key=lambda p: p.cursor, default=None)
