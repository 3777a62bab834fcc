"""Evaluate candidate policies on joined decisions as they come.

Owns the evaluation of candidates in the learner's tick, before training, for one
experiment: which candidates there are, how far each has come, and when their state is
to be stored. services.learning.train stores it: with a model that it publishes, or
alone when it is due.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from bandit_svc.domain.apprentice.mode import APPRENTICE
from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.times import Deadline, has_passed
from bandit_svc.services.evaluation.apprentice.watch import LABEL as APPRENTICE_LABEL
from bandit_svc.services.evaluation.apprentice.watch import ApprenticeWatch
from bandit_svc.services.evaluation.candidate import (
    Candidate,
    evaluate_and_learn,
    new_candidate,
    restored_candidate,
)
from bandit_svc.services.evaluation.history_watch import LABEL as HISTORY_LABEL
from bandit_svc.services.evaluation.history_watch import HistoryWatch
from bandit_svc.services.evaluation.labels import evaluated_specs
from bandit_svc.services.evaluation.reward_predictor import RewardPredictors
from bandit_svc.services.evaluation.weighing.bounds import WeightBounds
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.joined.evaluations import Evaluations
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.rows import EvaluationChanges
from policies.base import PolicyError

LEARNERS_STORED_EVERY = 10
"""The state of a policy that learns, and of the reward model, may be large. So it is
stored again once in this many `keep_every_ms`, whether or not a model is published.
A killed learner repeats what came after it."""


class Progress(msgspec.Struct):
    """The result of one step.

    Attributes:
        evaluated: joined decisions passed, counted once for all candidates that were
            at the same position.
        behind: joined decisions that the least advanced candidate has not reached.
        faults: one sentence for each candidate that can't be evaluated; only in the
            step that first sees a revision.
    """

    evaluated: int = 0
    behind: int = 0
    faults: tuple[str, ...] = ()


class Evaluated(Protocol):
    """What is read of a store."""

    @property
    def joins(self) -> JoinedOrder:
        """The decisions."""

    @property
    def evaluations(self) -> Evaluations:
        """The states of their candidates."""


class ProgressiveEvaluator:
    """Evaluates one experiment's candidates. The caller holds the learner's lease."""

    def __init__(
        self,
        storage: Evaluated,
        definitions: Definitions,
        number: int,
        *,
        keep_every_ms: int,
    ) -> None:
        self._storage = storage
        self._number = number
        self._definitions = definitions
        self._examples = JoinedExamples(storage.joins, definitions, number)
        self._bounds = WeightBounds(definitions, number, thinned=True)
        self._predictors = RewardPredictors(self._examples)
        self._revision = 0
        self._candidates: dict[str, Candidate] = {}
        self._dropped = False
        self._stored_at_ms = 0
        self._learners_stored_at_ms = 0
        self._keep_every_ms = keep_every_ms

    def step(self, experiment: Experiment, *, time_is_up: Deadline) -> Progress:
        """Evaluate candidates on what was joined; a new one catches up for a while.

        Args:
            experiment: as it is now.
            time_is_up: when other experiments get their turn. Each group of
                candidates at one position still gets one batch; if its reward model
                is behind, the model gets the batch instead.
        """
        done = Progress(faults=tuple(self._follow(experiment)))
        last = self._storage.joins.last_position(self._number)
        # The most advanced go first, so that a new candidate delays no other.
        for cursor in sorted(self._cursors() - {last}, reverse=True):
            done.evaluated += self._advance(experiment, cursor, last, time_is_up)
        self._predictors.prune(self._cursors())
        least = min((c.cursor for c in self._candidates.values()), default=last)
        done.behind = last - least
        return done

    def changes(self, now_ms: int, *, publishing: bool) -> EvaluationChanges | None:
        """Return the rows that are due to be stored, None if there are none.

        Args:
            now_ms: the time.
            publishing: true if a model is stored in the same transaction, so that
                further rows cost little: rows of candidates that don't learn are then
                due, but neither those of learners nor the reward models.
        """
        learners_due = self._due(
            self._learners_stored_at_ms, now_ms, LEARNERS_STORED_EVERY
        )
        # Rows of learners take the others along: a stored reward model must not be
        # ahead of a candidate that needs it again.
        due = publishing or learners_due or self._due(self._stored_at_ms, now_ms, 1)
        changed = [
            c
            for c in self._candidates.values()
            if c.changed and (learners_due if c.stored_rarely else due)
        ]
        if not changed and not (self._dropped and due):
            return None
        rows = tuple(candidate.row() for candidate in changed)
        models = None
        if learners_due and self._predictors.changed:
            models = self._predictors.rows()
        return EvaluationChanges(rows, tuple(self._candidates), models)

    def kept(self, changes: EvaluationChanges, now_ms: int) -> None:
        """Record that these changes are in the store; call it before the next step."""
        self._dropped = False
        if changes.reward_models is not None:
            self._predictors.stored(changes.reward_models)
            self._learners_stored_at_ms = now_ms
        for row in changes.rows:
            candidate = self._candidates[row.policy]
            candidate.changed = False
            if not candidate.stored_rarely:
                self._stored_at_ms = now_ms
            else:
                self._learners_stored_at_ms = now_ms

    @property
    def is_unsaved(self) -> bool:
        """True if rows differ from those last stored."""
        changed = any(candidate.changed for candidate in self._candidates.values())
        return changed or self._dropped

    @property
    def reached(self) -> int:
        """The position of the least advanced candidate."""
        return min(self._cursors(), default=0)

    def _cursors(self) -> set[int]:
        return {candidate.cursor for candidate in self._candidates.values()}

    def _advance(
        self, experiment: Experiment, cursor: int, last: int, time_is_up: Deadline
    ) -> int:
        """Evaluate the candidates at a position, one batch at least.

        Returns:
            How many decisions; 0 if their reward model has not caught up.
        """
        group = [c for c in self._candidates.values() if c.cursor == cursor]
        definition, taken = experiment.definition, self._cursors()
        predictor = self._predictors.at(cursor, taken, definition, time_is_up)
        if predictor is None:
            return 0
        ports = (definition, self._examples, self._bounds, predictor)
        evaluated = 0
        for rows in self._examples.rows((cursor, last)):
            evaluate_and_learn(group, rows, *ports)
            evaluated += len(rows)
            if time_is_up():
                break
        return evaluated

    def _due(self, since_ms: int, now_ms: int, times: int) -> bool:
        return has_passed(times * self._keep_every_ms, since_ms, now_ms)

    def _follow(self, experiment: Experiment) -> Iterable[str]:
        """Bring the candidates in line with the definition; return the faults."""
        if experiment.revision == self._revision:
            return []
        before, faults = self._candidates, []
        if self._revision == 0:
            before = self._restored(experiment.definition)
        self._candidates = {}
        for label, spec in evaluated_specs(experiment.definition).items():
            old = before.get(label)
            try:
                self._candidates[label] = (
                    old
                    if old is not None and old.spec == spec
                    else new_candidate(label, spec, experiment.definition)
                )
            except PolicyError as error:
                faults.append(f"candidate {label} can't be evaluated: {error.message}")
        self._candidates[HISTORY_LABEL] = before.get(HISTORY_LABEL) or self._watch()
        self._watch_apprentice(experiment, before)
        self._dropped = self._dropped or bool(set(before) - set(self._candidates))
        self._revision = experiment.revision
        return faults

    def _watch_apprentice(
        self, experiment: Experiment, before: Mapping[str, Candidate]
    ) -> None:
        """Go on with the watch of an apprentice, or begin it."""
        watch = before.get(APPRENTICE_LABEL)
        modes = {experiment.definition.mode}
        if not before:
            # All begin anew, as after an erasure: it may have been one before.
            earlier = (
                self._definitions.at(self._number, revision)
                for revision in range(1, experiment.revision)
            )
            modes |= {one.mode for one in earlier if one is not None}
        if watch is None and APPRENTICE in modes:
            watch = ApprenticeWatch()
            watch.cursor = max((c.cursor for c in self._candidates.values()), default=0)
        if watch is not None:
            self._candidates[APPRENTICE_LABEL] = watch

    def _watch(self) -> HistoryWatch:
        """Return a new watch; it begins where the most advanced candidate is."""
        watch = HistoryWatch()
        watch.cursor = max((c.cursor for c in self._candidates.values()), default=0)
        return watch

    def _restored(self, definition: Definition) -> dict[str, Candidate]:
        found: dict[str, Candidate] = {}
        evaluations = self._storage.evaluations
        self._predictors.load(evaluations.reward_models(self._number), definition)
        for row in evaluations.all(self._number):
            if row.policy == HISTORY_LABEL:
                found[row.policy] = HistoryWatch.restored(row)
                continue
            if row.policy == APPRENTICE_LABEL:
                found[row.policy] = ApprenticeWatch.restored(row)
                continue
            try:
                found[row.policy] = restored_candidate(row, definition)
            except PolicyError:
                # Refused by this version; it begins anew under its current spec.
                continue
        return found
