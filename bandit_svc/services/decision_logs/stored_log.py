"""Read an experiment's joined decisions as the arrays of a decision log.

Owns the pass over them in the recorded order. Only decisions of the learning policy are
read: those of the holdout are drawn by a reference policy, and no estimate uses them.
"""

from collections.abc import Callable

import numpy as np

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import TREATMENT, Experiment
from bandit_svc.errors import Unprocessable
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.contexts import ContextColumn
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.interface import Storage

BATCH_ROWS = 2_000
MAX_CANDIDATES = 10
"""Context keys that are considered for groups of contexts in the audit."""


def stored_log(
    storage: Storage,
    experiment: Experiment,
    on_progress: Callable[[int], None] = lambda _position: None,
) -> DecisionLog:
    """Read every joined decision of an experiment.

    Raises:
        Unprocessable: none has matured yet.
    """
    growing = _Growing(experiment)
    definitions = Definitions(storage.experiments)
    examples = JoinedExamples(storage.joins, definitions, experiment.number)
    position = 0
    while rows := storage.joins.after(experiment.number, position, BATCH_ROWS):
        for row in examples.by_slot(rows):
            decision = row.decision
            if decision.group == TREATMENT and decision.shown is None:
                growing.add(decision, row.reward)
        growing.end_batch()
        position = rows[-1].position
        on_progress(position)
    return growing.finish()


class _Growing:
    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._codes = {v.key: i for i, v in enumerate(experiment.definition.variants)}
        self._reward: list[float] = []
        self._propensity: list[float] = []
        self._action: list[int] = []
        self._version: list[int] = []
        self._pmfs: list[FloatArray] = []
        self._batch: list[tuple[list[int], tuple[float, ...]]] = []
        self._context: dict[str, ContextColumn] = {}

    def add(self, decision: Decision, reward: float) -> None:
        codes = self._codes
        indices = [codes.setdefault(key, len(codes)) for key in decision.variants]
        self._batch.append((indices, decision.pmf))
        self._action.append(indices[decision.chosen])
        self._propensity.append(decision.propensity)
        self._reward.append(reward)
        self._version.append(decision.model_version)
        if not self._context:
            names = [
                k for k, v in decision.context.items() if isinstance(v, str | bool)
            ]
            self._context = {n: ContextColumn(n) for n in names[:MAX_CANDIDATES]}
        for name, column in self._context.items():
            column.add([decision.context.get(name)])

    def end_batch(self) -> None:
        # -1 marks actions that were not eligible, until the widths are known.
        matrix = np.full((len(self._batch), len(self._codes)), -1.0)
        for row, (indices, pmf) in enumerate(self._batch):
            matrix[row, indices] = pmf
        self._pmfs.append(matrix)
        self._batch.clear()

    def finish(self) -> DecisionLog:
        key, names = self._experiment.key, tuple(self._codes)
        if not self._action:
            raise Unprocessable(
                f"{key} has no matured decision of its policy yet; there is nothing to "
                "audit"
            )
        pmf = np.concatenate(
            [
                np.pad(p, ((0, 0), (0, len(names) - p.shape[1])), constant_values=-1.0)
                for p in self._pmfs
            ]
        )
        eligible = pmf >= 0
        found = {n: c.cells() for n, c in self._context.items()}
        cell_name = next((n for n, c in found.items() if c is not None), "")
        cells = found.get(cell_name)
        floor = self._experiment.definition.exploration_floor
        return DecisionLog(
            source=key,
            actions=names,
            action=np.array(self._action, dtype=np.int64),
            reward=np.array(self._reward),
            propensity=np.array(self._propensity),
            pmf=np.maximum(pmf, 0.0),
            eligible=None if eligible.all() else eligible,
            cell=None if cells is None else cells[0],
            n_cells=1 if cells is None else cells[1],
            cell_name=cell_name,
            version=np.array(self._version, dtype=np.int64),
            least_propensity=_least(floor, len(names), np.array(self._propensity)),
        )


def _least(floor: float, count: int, propensity: FloatArray) -> float | None:
    """Return floor / K; None if a propensity is below it, as in earlier revisions."""
    least = floor / count
    return (
        least if least > 0 and float(propensity.min()) >= least * (1 - 1e-9) else None
    )
