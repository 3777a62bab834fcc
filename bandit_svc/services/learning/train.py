"""Learn from joined decisions and publish the model.

Owns training and publication in the learner's tick for one experiment: the served
model, the background training of a changed spec, the round trip before each
publication. What services.evaluation.progressive knows of the candidates is stored
here too: with a model, or alone when it is due.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import (
    ModelVersion,
    ModelVersionMeta,
    VersionAge,
    is_whole,
    onward,
    outdated_versions,
)
from bandit_svc.domain.times import Deadline, has_passed
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.model import Model, catch_up, fresh_model, model_of
from bandit_svc.services.policy_inputs import actions_of, policy_of
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import EvaluationChanges
from policies.base import Action, PolicyError

MOST_MODEL_VERSIONS, LEAST_MODEL_VERSIONS = 250, 5
MOST_MODEL_BYTES = 50_000_000
"""Of the versions that are kept of one experiment; large models are kept fewer times,
but not fewer than LEAST_MODEL_VERSIONS."""

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 300_000
"""After a model that can't be trained or published."""
_NEVER = -1

# Contexts for which a dumped and loaded model must give the same pmf as the original.
PROBE_CONTEXTS: tuple[dict[str, Any], ...] = ({}, {"device": "mobile", "hour": 21})


class Trained(msgspec.Struct):
    """The work of one step.

    `fault` is a sentence if a model could not be trained or published; the last good
    one continues to serve. `behind` is the number of joined positions between a changed
    policy and the served one; 0 says nothing about the served one. `waits` is true
    while nothing is tried since the last try has failed.
    """

    learned: int = 0
    published: int | None = None
    fault: str | None = None
    behind: int = 0
    waits: bool = False


class Unsaved(Protocol):
    """The progressive evaluation of one experiment, as training stores it."""

    def changes(self, now_ms: int, *, publishing: bool) -> EvaluationChanges | None:
        """Return the changes that are due, None if there are none."""

    def kept(self, changes: EvaluationChanges, now_ms: int) -> None:
        """Record that these changes are in the store."""


class Pause:
    """The time between two tries of what fails: twice as long after each.

    Pure; for one experiment. A changed definition may do better, so it is tried at
    once.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._failed_at_ms = 0
        self._revision = 0

    def failed(self, now_ms: int) -> None:
        """Note that a try has failed."""
        self._failures += 1
        self._failed_at_ms = now_ms

    def over(self) -> None:
        """Note that a try has succeeded."""
        self._failures = 0

    def holds(self, now_ms: int, revision: int) -> bool:
        """Return whether the next try must wait.

        Args:
            revision: of the definition that is tried.
        """
        if revision != self._revision:
            self._revision, self._failures = revision, 0
        if not self._failures:
            return False
        pause_ms: int = min(FIRST_PAUSE_MS << (self._failures - 1), LONGEST_PAUSE_MS)
        return not has_passed(pause_ms, self._failed_at_ms, now_ms)


class Trainer:
    """Trains one experiment's models. The caller holds the learner's lease."""

    def __init__(
        self,
        storage: Storage,
        definitions: Definitions,
        number: int,
        unsaved: Unsaved,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._on_batch = on_batch
        self._number = number
        self._unsaved = unsaved
        self._examples = JoinedExamples(storage.joins, definitions, number)
        self._model: Model | None = None
        self._challenger: Model | None = None
        self._version = 0
        self._published_learned = 0
        self._published_at_ms = 0
        self._training, self._publishing, self._challenging = Pause(), Pause(), Pause()

    def step(
        self,
        experiment: Experiment,
        newest_version: int,
        now_ms: int,
        *,
        publish_every_ms: int,
        time_is_up: Deadline,
    ) -> Trained:
        """Learn what was joined and train a changed spec; publish what is due.

        Args:
            newest_version: the newest published one in the store, 0 for none.
            publish_every_ms: milliseconds between two publications of the served
                policy by this trainer; its first isn't held back, nor is a changed
                policy that is swapped in.
            time_is_up: when other experiments get their turn; the served and the
                changed policy still learn one batch each.
        """
        try:
            if self._training.holds(now_ms, experiment.revision):
                done = Trained(waits=True)
            else:
                done = self._step(
                    experiment,
                    newest_version,
                    now_ms,
                    publish_every_ms=publish_every_ms,
                    time_is_up=time_is_up,
                )
        except PolicyError as error:
            # The other experiments continue; this one begins anew from the store.
            self._model = None
            self._training.failed(now_ms)
            done = Trained(fault=f"the model can't be trained: {error.message}")
        if done.published is None:
            changes = self._unsaved.changes(now_ms, publishing=False)
            if changes is not None:
                self._storage.evaluations.save(self._number, changes)
                self._unsaved.kept(changes, now_ms)
        return done

    def _step(
        self,
        experiment: Experiment,
        newest_version: int,
        now_ms: int,
        *,
        publish_every_ms: int,
        time_is_up: Deadline,
    ) -> Trained:
        done = Trained()
        definition = experiment.definition
        model = self._current(definition, newest_version)
        before = model.learned
        joined = self._storage.joins.last_position(self._number)
        imported = self._storage.imports.last_position(self._number)
        target = onward(model.spans, imported, joined)
        if target != model.spans:
            catch_up(model, target, self._examples, time_is_up)
        done.learned = model.learned - before
        self._training.over()
        if not is_whole(model.spans):
            # Nobody is served by a part of an import.
            return done
        if model.spec == definition.policy:
            self._challenger = None
        elif self._challenging.holds(now_ms, experiment.revision):
            done.waits = True
        else:
            self._challenge(definition, model, time_is_up, now_ms, done)
        due = has_passed(publish_every_ms, self._published_at_ms, now_ms)
        if done.published is None and model.learned != self._published_learned and due:
            if self._publishing.holds(now_ms, experiment.revision):
                done.waits = True
            else:
                self._publish(definition, model, self._publishing, now_ms, done)
        return done

    def _current(self, definition: Definition, newest: int) -> Model:
        """Return the served model.

        It is read from the store at first, and whenever the newest version isn't the
        one known here.
        """
        if self._model is None or newest != self._version:
            published = self._storage.model_versions.latest(self._number)
            self._challenger = None
            self._version = newest
            if published is None:
                self._model = fresh_model(definition)
                self._published_learned = 0
            else:
                self._model, repaired = self._loaded(definition, published)
                self._published_learned = _NEVER if repaired else self._model.learned
        return self._model

    def _loaded(
        self, definition: Definition, published: ModelVersion
    ) -> tuple[Model, bool]:
        """Load a model, or build it again from the log if its bytes can't be read.

        They may be damaged, or written by another version of the policies.

        Returns:
            The model; true if it was built again, and so is to be published.
        """
        try:
            return model_of(definition, published), False
        except PolicyError:
            meta = published.meta
            model = Model(
                spec=meta.policy,
                policy=self._examples.replay(
                    meta.policy, definition, meta.spans, lambda _done: self._on_batch()
                ),
                spans=meta.spans,
                learned=meta.learned,
            )
            return model, True

    def _challenge(
        self,
        definition: Definition,
        model: Model,
        time_is_up: Deadline,
        now_ms: int,
        done: Trained,
    ) -> None:
        """Train a changed spec from the log; swap it in when it has caught up."""
        challenger = self._challenger
        try:
            if challenger is None or challenger.spec != definition.policy:
                challenger = self._challenger = fresh_model(definition)
            if not catch_up(challenger, model.spans, self._examples, time_is_up):
                done.behind = model.cursor - challenger.cursor
                return
        except PolicyError as error:
            # The served policy goes on.
            self._challenger = None
            self._challenging.failed(now_ms)
            done.fault = f"the changed policy can't be trained: {error.message}"
            return
        if self._publish(definition, challenger, self._challenging, now_ms, done):
            self._model, self._challenger = challenger, None

    def _publish(
        self,
        definition: Definition,
        model: Model,
        pause: Pause,
        now_ms: int,
        done: Trained,
    ) -> bool:
        """Keep the model with its cursor in one transaction, after a round trip."""
        state = model.policy.dump()
        actions = actions_of(definition.active_variants)
        fault = round_trip_fault(definition, model, state, actions)
        if fault is not None:
            pause.failed(now_ms)
            done.fault = (
                f"the model can't be published: {fault}; the last good version "
                "continues to serve"
            )
            return False
        pause.over()
        meta = ModelVersionMeta(
            number=self._number,
            version=self._version + 1,
            policy=model.spec,
            spans=model.spans,
            learned=model.learned,
            sha256=hashlib.sha256(state).hexdigest(),
            created_at_ms=now_ms,
        )
        newest = ModelVersion(meta=meta, state=state)
        changes = self._unsaved.changes(now_ms, publishing=True)
        versions = self._storage.model_versions
        drop = outdated_versions(
            [*versions.ages(self._number), VersionAge(meta.version, now_ms)],
            now_ms,
            versions_kept(len(state)),
        )
        if not versions.publish(newest, self._version, drop, changes):
            # A restore came between: what was learned on top of the discarded
            # model is dropped, and learned again on top of the restored one.
            self._model = None
            return False
        if changes is not None:
            self._unsaved.kept(changes, now_ms)
        self._version = meta.version
        self._published_learned = model.learned
        self._published_at_ms = now_ms
        done.published = meta.version
        return True


def versions_kept(state_bytes: int) -> int:
    """Return how many model versions are kept where the newest has so many bytes."""
    affordable = MOST_MODEL_BYTES // max(state_bytes, 1)
    return min(max(affordable, LEAST_MODEL_VERSIONS), MOST_MODEL_VERSIONS)


def round_trip_fault(
    definition: Definition, model: Model, state: bytes, actions: Sequence[Action]
) -> str | None:
    """Return why a loaded dump differs from the model, None if it doesn't."""
    try:
        copy = policy_of(definition, model.spec, state)
        for context in PROBE_CONTEXTS:
            if copy.pmf(context, actions) != model.policy.pmf(context, actions):
                return "it gives other propensities after a dump and a load"
    except PolicyError as error:
        return error.message
    return None
