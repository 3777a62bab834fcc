"""Follow the splits of experiments in the learner's tick.

Owns when the model of a branch is trained, its comparison looked at, and its next step
taken: in this order, at each look at an experiment, under the learner's lease.
"""

import logging
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.splits.step import Evidence, Step
from bandit_svc.domain.times import Deadline
from bandit_svc.errors import Conflict
from bandit_svc.logs import FIELDS
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.splits.branch_model import BranchTrainer
from bandit_svc.services.learning.splits.comparison import (
    begin_comparison,
    evidence_of,
    look_at_branches,
)
from bandit_svc.services.managing.splits.steer_split import steer_split
from bandit_svc.storage.interface import Storage

_log = logging.getLogger(__name__)


class Followed(NamedTuple):
    """The work of one look at a split.

    Attributes:
        busy: whether something is left to be done.
        behind: joined decisions that model or sums have still to learn.
        step: that was taken.
    """

    busy: bool = False
    behind: int = 0
    step: Step | None = None


NO_SPLIT = Followed()


class SplitWatch:
    """Looks after the splits of all experiments."""

    def __init__(
        self,
        storage: Storage,
        definitions: Definitions,
        publish_every_ms: int,
        on_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._definitions = definitions
        self._publish_every_ms = publish_every_ms
        self._on_batch = on_batch
        self._trainers: dict[int, BranchTrainer] = {}

    def forget(self, number: int) -> None:
        """Forget the model of a branch; it is read from the store again."""
        self._trainers.pop(number, None)

    def step(
        self, experiment: Experiment, now_ms: int, turn: Callable[[], Deadline]
    ) -> Followed:
        """Go on with the split of an experiment, if it has one.

        Args:
            experiment: as it is now.
            now_ms: the time.
            turn: returns the end of a turn.

        """
        split = experiment.definition.split
        if split is None or experiment.definition.status == "archived":
            self.forget(experiment.number)
            return NO_SPLIT
        number = experiment.number
        trainer = self._trainers.get(number)
        if trainer is None:
            trainer = self._trainers[number] = BranchTrainer(
                self._storage, self._definitions, number, self._on_batch
            )
        trained = trainer.step(
            experiment,
            split,
            now_ms,
            publish_every_ms=self._publish_every_ms,
            time_is_up=turn(),
        )
        if trained.fault is not None:
            _log.error("experiment %s: %s", experiment.key, trained.fault)
        behind = 0
        evidence, in_step = Evidence(), 0
        if split.state != "training":
            looked = look_at_branches(
                self._storage,
                self._definitions,
                number,
                experiment.definition,
                split,
                turn(),
            )
            behind = looked.behind
            evidence = evidence_of(looked.compared, experiment.definition, split)
            in_step = looked.compared.in_step_at(split.share)
        elif trained.ready:
            begin_comparison(self._storage, number, experiment.definition, split)
        step = self._steer(
            experiment, split, evidence, in_step, now_ms, ready=trained.ready
        )
        busy = bool(trained.behind or trained.waits or behind or step)
        return Followed(busy, trained.behind + behind, step)

    def _steer(
        self,
        experiment: Experiment,
        split: Split,
        evidence: Evidence,
        in_step: int,
        now_ms: int,
        *,
        ready: bool,
    ) -> Step | None:
        try:
            step = steer_split(
                self._storage,
                experiment,
                split,
                evidence,
                in_step,
                now_ms,
                ready=ready,
            )
        except Conflict as error:
            # The definition was changed in between; the next look reads it.
            _log.info("experiment %s: %s", experiment.key, error.message)
            return None
        if step is not None:
            _tell(experiment, split, step)
        return step


def _tell(experiment: Experiment, split: Split, step: Step) -> None:
    """Log a step."""
    _log.log(
        logging.WARNING if step.kind == "rolled_back" else logging.INFO,
        "experiment %s: split %d of current and %s %s at a share of %g: %s",
        experiment.key,
        step.since,
        split.name,
        step.kind,
        step.share,
        step.reason,
        extra={FIELDS: {"split_step": msgspec.to_builtins(step)}},
    )
