"""Train the model of a split's other policy, and publish it.

Owns training and publication of a branch in the learner's tick. The model learns every
joined decision of the experiment with the propensity that was logged, whichever branch
made it, in the very order of the experiment's own model: a restored model's gap is its
gap too. So it is a function of the log, and can take the other's place as it is.
"""

import hashlib
from collections.abc import Callable

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import (
    ModelVersion,
    ModelVersionMeta,
    Span,
    VersionAge,
    is_beginning,
    is_whole,
    onward,
    outdated_versions,
)
from bandit_svc.domain.plain_values import Spec
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.times import Deadline, has_passed
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.model import Model, catch_up, model_of
from bandit_svc.services.learning.train import Pause, round_trip_fault, versions_kept
from bandit_svc.services.policy_inputs import actions_of, policy_of
from bandit_svc.storage.interface import Storage
from policies.base import PolicyError


class BranchTrained(msgspec.Struct):
    """The work of one step.

    Attributes:
        learned: joined decisions.
        behind: joined decisions that are still to be learned.
        ready: true if the model has learned the log, and what it has learned is
            published.
        waits: true while what was learned waits to be published.
        fault: a sentence if it could not be trained or published.
    """

    learned: int = 0
    behind: int = 0
    ready: bool = False
    waits: bool = False
    fault: str | None = None


class BranchTrainer:
    """Trains the other policy of one experiment's split. The caller holds the lease."""

    def __init__(
        self,
        storage: Storage,
        definitions: Definitions,
        number: int,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._number = number
        self._on_batch = on_batch
        self._examples = JoinedExamples(storage.joins, definitions, number)
        self._model: Model | None = None
        self._version = 0
        self._published: int | None = None
        """How many decisions the newest version has learned; None for none that is of
        this policy and of the log as it is."""
        self._published_at_ms = 0
        self._pause = Pause()

    def step(
        self,
        experiment: Experiment,
        split: Split,
        now_ms: int,
        *,
        publish_every_ms: int,
        time_is_up: Deadline,
    ) -> BranchTrained:
        """Learn what was joined; publish what is due.

        Args:
            experiment: as it is now.
            split: of its definition.
            now_ms: the time.
            publish_every_ms: milliseconds between two publications.
            time_is_up: asked after each batch; one is learned at least.
        """
        if self._pause.holds(now_ms, experiment.revision):
            return BranchTrained()
        try:
            return self._step(experiment, split, now_ms, publish_every_ms, time_is_up)
        except PolicyError as error:
            # The other policy goes on, and this one begins anew from the store.
            self._model = None
            self._pause.failed(now_ms)
            return BranchTrained(
                fault=f"the model of the branch can't be trained: {error.message}"
            )

    def _step(
        self,
        experiment: Experiment,
        split: Split,
        now_ms: int,
        publish_every_ms: int,
        time_is_up: Deadline,
    ) -> BranchTrained:
        done = BranchTrained()
        definition = experiment.definition
        target = self._target()
        model = self._current(definition, split.policy or {}, target)
        before = model.learned
        caught_up = not target or catch_up(model, target, self._examples, time_is_up)
        done.learned = model.learned - before
        if not caught_up:
            done.behind = target[-1][1] - model.cursor
        if not is_whole(model.spans):
            # Nobody is served by a part of an import.
            return done
        if model.learned == (self._published or 0):
            done.ready = caught_up
            return done
        due = has_passed(publish_every_ms, self._published_at_ms, now_ms)
        # A version that knows less than the one before it is never served.
        if (caught_up or self._published is not None) and due:
            done.fault = self._publish(definition, model, now_ms)
            done.ready = done.fault is None and caught_up
        done.waits = not done.ready
        return done

    def _target(self) -> tuple[Span, ...]:
        """Return what the experiment's own model has learned, or will."""
        joined = self._storage.joins.last_position(self._number)
        imported = self._storage.imports.last_position(self._number)
        own = self._storage.model_versions.newest(self._number)
        spans = () if own is None else own.spans
        return onward(spans, imported, joined)

    def _current(
        self, definition: Definition, spec: Spec, target: tuple[Span, ...]
    ) -> Model:
        """Return the model that goes on; a new one if the kept one can't."""
        # The number counts also where the row of that version is damaged.
        versions = self._storage.branch_versions
        kept = [one.version for one in versions.ages(self._number)]
        version = max(kept, default=0)
        newest = versions.newest(self._number)
        if newest is not None and newest.version != version:
            newest = None
        model = self._model
        if model is None or version != self._version:
            self._version = version
            model = self._kept(definition, newest)
            self._published = None if model is None else model.learned
        if (
            model is None
            or model.spec != spec
            or not is_beginning(model.spans, target)
            or self._is_outdated()
        ):
            model = Model(spec=dict(spec), policy=policy_of(definition, spec))
            self._published = None
        self._model = model
        return model

    def _kept(
        self, definition: Definition, newest: ModelVersionMeta | None
    ) -> Model | None:
        """Return the newest version as a model; None if there is none to go on with."""
        if newest is None or newest.version <= self._outdated_to():
            return None
        published = self._storage.branch_versions.latest(self._number)
        try:
            return None if published is None else model_of(definition, published)
        except PolicyError:
            # Its bytes are damaged: it is learned again.
            return None

    def _is_outdated(self) -> bool:
        """Return whether the model here was learned from rewards that changed since."""
        return self._published is not None and self._version <= self._outdated_to()

    def _outdated_to(self) -> int:
        return self._storage.splits.outdated_to(self._number)

    def _publish(self, definition: Definition, model: Model, now_ms: int) -> str | None:
        """Keep the model after a round trip; return why not, if not."""
        state = model.policy.dump()
        actions = actions_of(definition.active_variants)
        fault = round_trip_fault(definition, model, state, actions)
        if fault is not None:
            self._pause.failed(now_ms)
            return f"the model of the branch can't be published: {fault}"
        self._pause.over()
        meta = ModelVersionMeta(
            number=self._number,
            version=self._version + 1,
            policy=model.spec,
            spans=model.spans,
            learned=model.learned,
            sha256=hashlib.sha256(state).hexdigest(),
            created_at_ms=now_ms,
        )
        versions = self._storage.branch_versions
        drop = outdated_versions(
            [*versions.ages(self._number), VersionAge(meta.version, now_ms)],
            now_ms,
            versions_kept(len(state)),
        )
        if not versions.publish(ModelVersion(meta, state), self._version, drop):
            self._model = None
            return "another learner has published the model of the branch"
        self._version = meta.version
        self._published = model.learned
        self._published_at_ms = now_ms
        return None
