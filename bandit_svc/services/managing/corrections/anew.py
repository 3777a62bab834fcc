"""What an experiment has learned, made anew in a store beside the service's.

Owns the three parts (sums, candidates, model) and how each follows the corrected order:
by the same functions as in a learner's tick, so that the result is that of a log in
which the rewards had their values from the start. Sums and candidates begin at the
first decision; the model at the last version from before the first correction.
"""

import hashlib
from contextlib import suppress
from typing import NamedTuple

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import (
    ModelVersion,
    ModelVersionMeta,
    advance,
    is_beginning,
)
from bandit_svc.domain.times import Deadline
from bandit_svc.errors import Conflict
from bandit_svc.services.evaluation.progressive import ProgressiveEvaluator
from bandit_svc.services.learning.adjusted_uplift import adjusted_after
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.model import Model, catch_up, model_of
from bandit_svc.services.learning.parts.closing import joined_of
from bandit_svc.services.learning.uplift_sums import (
    kept_uplift,
    newest_layout,
    uplift_with,
)
from bandit_svc.services.managing.corrections.corrected_order import CorrectedOrder
from bandit_svc.services.policy_inputs import policy_of
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.joined.evaluations import Evaluations
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.rows import JoinSums
from policies.base import PolicyError

BATCH = 2_000


class _Evaluated(NamedTuple):
    """What the evaluation of candidates reads."""

    joins: JoinedOrder
    evaluations: Evaluations


def name_of(number: int) -> str:
    """Return the name of the store in which an experiment is made anew."""
    return f"experiment-{number}"


class Anew:
    """One experiment's sums, candidates and model, on their way through the order.

    Attributes:
        base: the version that the model began with; None for none.

    Args:
        storage: the service's; only read.
        beside: where sums and candidates are kept, with a model now and then.
        definitions: of the experiments.
        experiment: as it is now.
        order: with the corrected rewards.
    """

    def __init__(
        self,
        storage: Storage,
        beside: Storage,
        definitions: Definitions,
        experiment: Experiment,
        order: CorrectedOrder,
    ) -> None:
        self._storage = storage
        self._beside = beside
        self._definitions = definitions
        self._experiment = experiment
        self._order = order
        number = self._number = experiment.number
        self._examples = JoinedExamples(order, definitions, number)
        evaluated = _Evaluated(order, beside.evaluations)
        self._evaluator = ProgressiveEvaluator(
            evaluated, definitions, number, keep_every_ms=0
        )
        self._model: Model | None = None
        self.base: int | None = None

    def advance(self, time_is_up: Deadline) -> int:
        """Go on for a while; return how many joined decisions are still to come.

        Args:
            time_is_up: asked after each batch; each part does one at least.

        Raises:
            Conflict: a revision can't be read, or another model than the one that is
                made anew is served meanwhile: begin again.
            PolicyError: the model can't be trained.
        """
        last = self._order.last_position(self._number)
        behind = [
            self._sum_up(time_is_up),
            self._evaluate(time_is_up),
            self._train(last, time_is_up),
        ]
        return max(behind)

    def keep(self) -> None:
        """Store how far candidates and model have come; sums are stored as they go."""
        changes = self._evaluator.changes(0, publishing=False)
        if changes is not None:
            self._beside.evaluations.save(self._number, changes)
            self._evaluator.kept(changes, 0)
        if self._model is not None:
            versions = self._beside.model_versions
            newest = versions.latest(self._number)
            kept = 0 if newest is None else newest.meta.version
            versions.publish(self.model_version(kept + 1, 0), kept, {kept})

    @property
    def model(self) -> Model | None:
        """The model; None where the experiment has published none."""
        return self._model

    def model_version(self, version: int, now_ms: int) -> ModelVersion:
        """Return the model as a version.

        Raises:
            ValueError: there is none.
        """
        model = self._model
        if model is None:
            raise ValueError("there is no model")
        state = model.policy.dump()
        meta = ModelVersionMeta(
            number=self._number,
            version=version,
            policy=model.spec,
            spans=model.spans,
            learned=model.learned,
            sha256=hashlib.sha256(state).hexdigest(),
            created_at_ms=now_ms,
        )
        return ModelVersion(meta, state)

    def _sum_up(self, time_is_up: Deadline) -> int:
        number, joins = self._number, self._beside.joins
        layout = newest_layout(self._definitions, number)
        while True:
            kept = kept_uplift(joins, number)
            if kept is not None and kept.layout != layout:
                raise Conflict(
                    "the definition asks for other sums than those that are made anew; "
                    "they begin again"
                )
            position = 0 if kept is None else kept.position
            rows = self._order.closed_after(number, position, BATCH)
            if not rows:
                return 0
            joined = joined_of(rows, self._definitions)
            if joined is None:
                raise Conflict(
                    "a revision of the definition can't be read, so that no sums can "
                    "be made anew; restore the data folder from a copy"
                )
            reached = rows[-1].position
            self._beside.joins.add_sums(
                joined.closed,
                JoinSums(
                    adjusted=adjusted_after(joins, self._definitions, *joined),
                    uplift={
                        number: uplift_with(
                            joins, self._definitions, kept, layout, joined, reached
                        )
                    },
                ),
            )
            if time_is_up():
                return self._order.last_position(number) - reached

    def _evaluate(self, time_is_up: Deadline) -> int:
        while True:
            progress = self._evaluator.step(self._experiment, time_is_up=time_is_up)
            if not progress.behind or time_is_up():
                return progress.behind
            if not progress.evaluated:
                # What is left are rows that can't be read.
                return 0

    def _train(self, last: int, time_is_up: Deadline) -> int:
        newest = self._storage.model_versions.latest(self._number)
        if newest is None:
            return 0
        target = advance(newest.meta.spans, last)
        model = self._model = self._model or self._begun(newest.meta)
        if model.spec != newest.meta.policy or not is_beginning(model.spans, target):
            raise Conflict(
                "another model is served than the one that is made anew; it begins "
                "again with that one"
            )
        if catch_up(model, target, self._examples, time_is_up):
            return 0
        return last - model.cursor

    def _begun(self, newest: ModelVersionMeta) -> Model:
        """Return the model that goes on: as it was kept, or as it was before."""
        definition = self._experiment.definition
        kept = self._beside.model_versions.latest(self._number)
        base = kept or self._base(newest)
        if base is not None:
            # One whose bytes can't be read is learned from the first decision on.
            with suppress(PolicyError):
                model = model_of(definition, base)
                self.base = base.meta.version
                return model
        spec = newest.policy
        return Model(spec=spec, policy=policy_of(definition, spec))

    def _base(self, newest: ModelVersionMeta) -> ModelVersion | None:
        """Return the last model that has seen no corrected decision, None without."""
        first, versions = self._order.first, self._storage.model_versions
        outdated = self._storage.corrections.outdated(self._number)
        for meta in versions.metas(self._number):
            if (
                meta.version not in outdated
                and (first is None or meta.cursor < first)
                and meta.policy == newest.policy
                and is_beginning(meta.spans, newest.spans)
            ):
                return versions.get(self._number, meta.version)
        return None
