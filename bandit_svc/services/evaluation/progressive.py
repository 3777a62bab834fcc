"""Score candidate policies on joined decisions as they come.

Owns the other half of step 3 of the learner's tick for one experiment: which
candidates there are, how far each has come, and when what they know is to be kept.
services.learning.train writes it together with the model that it publishes.
"""

from collections.abc import Iterable

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.times import Deadline
from bandit_svc.services.evaluation.candidate import (
    Bounds,
    Candidate,
    kept_candidate,
    new_candidate,
    walk,
)
from bandit_svc.services.evaluation.labels import candidate_specs
from bandit_svc.services.evaluation.predictor_positions import Predictors
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import Learning
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import EvaluationChanges
from policies.base import PolicyError

LEARNERS_KEPT_EVERY = 10
"""The state of a policy that learns, and of the reward model, may be large, so it is
kept at every tenth publication only; a killed learner repeats what came after it."""


class Scored(msgspec.Struct):
    """What one step did.

    `behind` is how many joined decisions the candidate that has come least far has
    still to be scored on; `faults` are sentences.
    """

    scored: int = 0
    behind: int = 0
    faults: tuple[str, ...] = ()


class Scorer:
    """Scores one experiment's candidates. The caller holds the learner's lease."""

    def __init__(
        self,
        storage: Storage,
        definitions: Definitions,
        number: int,
        *,
        keep_every_ms: int,
    ) -> None:
        self._storage = storage
        self._number = number
        self._learning = Learning(storage.joins, definitions, number)
        self._bounds = Bounds(definitions, number)
        self._predictors = Predictors(self._learning, self._bounds)
        self._revision = 0
        self._candidates: dict[str, Candidate] = {}
        self._dropped = False
        self._kept_at_ms = 0
        self._learners_kept_at_ms = 0
        self._keep_every_ms = keep_every_ms

    def step(self, experiment: Experiment, *, time_is_up: Deadline) -> Scored:
        """Score what was joined; a new candidate catches up for a while.

        Args:
            time_is_up: when other experiments get their turn; candidates that are
                behind get at least one batch.
        """
        done = Scored(faults=tuple(self._follow(experiment)))
        last = self._storage.joins.last_position(self._number)
        # Those that have come furthest go first, so that a new one holds up nobody.
        for cursor in sorted(self._cursors() - {last}, reverse=True):
            done.scored += self._advance(experiment, cursor, last, time_is_up)
        self._predictors.prune(self._cursors())
        least = min((c.cursor for c in self._candidates.values()), default=last)
        done.behind = last - least
        return done

    def changes(self, now_ms: int, *, publishing: bool) -> EvaluationChanges | None:
        """Give what is due to be kept, None if nothing is.

        Args:
            publishing: whether it can go along with a model, and so costs little.
        """
        learners_due = self._due(self._learners_kept_at_ms, now_ms, LEARNERS_KEPT_EVERY)
        # A kept reward model must not be ahead of who needs it again.
        due = publishing or learners_due or self._due(self._kept_at_ms, now_ms, 1)
        changed = [
            c
            for c in self._candidates.values()
            if c.changed and (due if c.policy is None else learners_due)
        ]
        if not changed and not (self._dropped and due):
            return None
        rows = tuple(candidate.row() for candidate in changed)
        models = None
        if learners_due and self._predictors.changed:
            models = self._predictors.rows()
        return EvaluationChanges(rows, tuple(self._candidates), models)

    def kept(self, changes: EvaluationChanges, now_ms: int) -> None:
        """Take note that these changes are in the store."""
        self._dropped = False
        if changes.reward_models is not None:
            self._predictors.kept(changes.reward_models)
            self._learners_kept_at_ms = now_ms
        for row in changes.rows:
            candidate = self._candidates[row.policy]
            candidate.changed = False
            if candidate.policy is None:
                self._kept_at_ms = now_ms
            else:
                self._learners_kept_at_ms = now_ms

    def _cursors(self) -> set[int]:
        return {candidate.cursor for candidate in self._candidates.values()}

    def _advance(
        self, experiment: Experiment, cursor: int, last: int, time_is_up: Deadline
    ) -> int:
        """Score on from a position, for a batch at least; say how many decisions."""
        group = [c for c in self._candidates.values() if c.cursor == cursor]
        definition, taken = experiment.definition, self._cursors()
        predictor = self._predictors.at(cursor, taken, definition, time_is_up)
        if predictor is None:
            return 0
        ports = (definition, self._learning, self._bounds, predictor)
        scored = 0
        for rows in self._learning.rows((cursor, last)):
            walk(group, rows, *ports)
            scored += len(rows)
            if time_is_up():
                break
        return scored

    def _due(self, since_ms: int, now_ms: int, times: int) -> bool:
        # A clock that was set back must not hold it back.
        return not 0 <= now_ms - since_ms < times * self._keep_every_ms

    def _follow(self, experiment: Experiment) -> Iterable[str]:
        """Bring the candidates in line with the definition; give what went wrong."""
        if experiment.revision == self._revision:
            return []
        before, faults = self._candidates, []
        if self._revision == 0:
            before = self._stored(experiment.definition)
        self._candidates = {}
        for label, spec in candidate_specs(experiment.definition).items():
            old = before.get(label)
            try:
                self._candidates[label] = (
                    old
                    if old is not None and old.spec == spec
                    else new_candidate(label, spec, experiment.definition)
                )
            except PolicyError as error:
                faults.append(f"candidate {label} can't be evaluated: {error.message}")
        self._dropped = self._dropped or bool(set(before) - set(self._candidates))
        self._revision = experiment.revision
        return faults

    def _stored(self, definition: Definition) -> dict[str, Candidate]:
        found = {}
        evaluations = self._storage.evaluations
        self._predictors.load(evaluations.reward_models(self._number), definition)
        for row in evaluations.all(self._number):
            try:
                found[row.policy] = kept_candidate(row, definition)
            except PolicyError:
                # Refused by this version; it begins anew under its current spec.
                continue
        return found
