"""The candidates of one experiment, as the learner knows them from a scorer.

Owns what was asked, how far the scorer has come, and rows that wait to be stored. The
learner stores them, with its lease of the experiment: a scorer writes nothing.
"""

from collections.abc import Callable
from typing import Protocol

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import Deadline
from bandit_svc.learner.scoring.messages import Ask, Told
from bandit_svc.services.evaluation.progressive import Progress
from bandit_svc.services.learning.train import Unsaved
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.rows import EvaluationChanges


class Evaluating(Unsaved, Protocol):
    """Evaluates the candidates of one experiment: here, or by another process."""

    def step(self, experiment: Experiment, *, time_is_up: Deadline) -> Progress:
        """Go on for a while; see ProgressiveEvaluator."""


class ScoredElsewhere:
    """The candidates of one experiment; see Evaluating."""

    def __init__(
        self,
        joins: JoinedOrder,
        number: int,
        ask: Callable[[Ask], bool],
        next_life: Callable[[], int],
    ) -> None:
        """Begin with nothing asked.

        Args:
            joins: the decisions.
            number: the experiment's.
            ask: sends to its scorer; returns False if there is none now.
            next_life: returns a number that was never given before.
        """
        self._joins = joins
        self._number = number
        self._ask = ask
        self._next_life = next_life
        self._asked: tuple[int, int] | None = None
        self._done: tuple[int, int] | None = None
        self._reached = 0
        self._new = Progress()
        self._changes: EvaluationChanges | None = None
        self.life = next_life()

    @property
    def waits(self) -> bool:
        """True while something that was asked is not done."""
        return self._asked is not None

    def begin_anew(self) -> None:
        """Take note that its scorer is gone, and all that was not stored."""
        self.life = self._next_life()
        self._asked = self._done = self._changes = None
        self._reached = 0

    def step(
        self,
        experiment: Experiment,
        *,
        time_is_up: Deadline,  # noqa: ARG002 - its time is its own process's
    ) -> Progress:
        """Ask for what was joined since; return what was told since the last step."""
        last = self._joins.last_position(self._number)
        wanted = (experiment.revision, last)
        if self._asked is None and wanted != self._done:
            sent = self._ask(Ask(self._number, self.life, *wanted))
            self._asked = wanted if sent else None
        done, self._new = self._new, Progress()
        if wanted != self._done:
            # Also where nothing was joined: its answer is still to come.
            done.behind = max(1, last - self._reached)
        return done

    def told(self, message: Told) -> None:
        """Take note of what its scorer says."""
        if message.life != self.life:
            return
        self._reached = message.reached
        self._new.evaluated += message.evaluated
        self._new.faults += message.faults
        if message.done and self._asked is not None:
            self._done, self._asked = self._asked, None
        if message.changes is not None:
            self._changes = _both(self._changes, message.changes)

    def changes(
        self,
        now_ms: int,  # noqa: ARG002 - what was told is due
        *,
        publishing: bool,  # noqa: ARG002 - or not
    ) -> EvaluationChanges | None:
        """Return the rows that were told and are not stored, None for none."""
        return self._changes

    def kept(
        self,
        changes: EvaluationChanges,  # noqa: ARG002 - all that was told
        now_ms: int,  # noqa: ARG002 - at any time
    ) -> None:
        """Record that these rows are in the store."""
        self._changes = None


def _both(
    before: EvaluationChanges | None, after: EvaluationChanges
) -> EvaluationChanges:
    """Return the changes that do what one and then the other would do."""
    if before is None:
        return after
    rows = {row.policy: row for row in before.rows if row.policy in after.labels}
    rows |= {row.policy: row for row in after.rows}
    models = after.reward_models
    if models is None:
        models = before.reward_models
    return EvaluationChanges(tuple(rows.values()), after.labels, models)
