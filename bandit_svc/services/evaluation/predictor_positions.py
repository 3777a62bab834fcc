"""The reward models of one experiment: one for each position where candidates stand.

Owns which there are. Usually there is one; a candidate that catches up from the start
of the log needs the model as it was then, and so has its own until it has caught up.
"""

from collections.abc import Iterable

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.times import Deadline
from bandit_svc.services.evaluation.candidate import Bounds, walk
from bandit_svc.services.evaluation.reward_predictor import Predictor
from bandit_svc.services.learning.examples import Learning
from bandit_svc.storage.rows import RewardModelRow


class Predictors:
    """What predicts for an experiment's candidates."""

    def __init__(self, learning: Learning, bounds: Bounds) -> None:
        self._learning = learning
        self._bounds = bounds
        self._all: list[Predictor] = []
        self._kept_cursors: list[int] = []

    def load(self, rows: Iterable[RewardModelRow], definition: Definition) -> None:
        """Resume from the stored rows; one that can't be read is computed again."""
        found = [Predictor.kept(row, definition) for row in rows]
        self._all = [predictor for predictor in found if predictor is not None]

    def at(
        self, cursor: int, taken: set[int], definition: Definition, time_is_up: Deadline
    ) -> Predictor | None:
        """Give the one at a position; None if it has not come so far by the deadline.

        Then it goes on at the next call, which does at least one batch.

        Args:
            taken: positions of all candidates: what stands there has to stay.
            time_is_up: asked after each batch.
        """
        predictor = self._nearest(cursor)
        if predictor is None:
            predictor = Predictor(definition)
            self._all.append(predictor)
        elif predictor.cursor < cursor and predictor.cursor in taken:
            predictor = predictor.copy()
            self._all.append(predictor)
        for rows in self._learning.rows((predictor.cursor, cursor)):
            walk((), rows, definition, self._learning, self._bounds, predictor)
            if time_is_up():
                break
        return predictor if predictor.cursor == cursor else None

    def prune(self, taken: set[int]) -> None:
        """Forget those that no candidate will need."""
        nearest = [self._nearest(cursor) for cursor in sorted(taken, reverse=True)]
        found: list[Predictor] = []
        for predictor in nearest:
            if predictor is not None and predictor not in found:
                found.append(predictor)
        self._all = found

    @property
    def changed(self) -> bool:
        """Whether one has moved since they were last kept."""
        return [p.cursor for p in self._all] != self._kept_cursors

    def rows(self) -> tuple[RewardModelRow, ...]:
        """Return the rows to store; the most advanced model comes first."""
        return tuple(p.row(slot) for slot, p in enumerate(self._all))

    def kept(self, rows: Iterable[RewardModelRow]) -> None:
        """Take note that these rows are in the store."""
        self._kept_cursors = [row.cursor for row in rows]

    def _nearest(self, cursor: int) -> Predictor | None:
        """Give the one that has come furthest, but not beyond a position."""
        before = [p for p in self._all if p.cursor <= cursor]
        return max(before, key=lambda p: p.cursor, default=None)
