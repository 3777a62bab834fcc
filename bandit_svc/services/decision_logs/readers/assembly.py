"""Assemble the rows of a file into the arrays of a decision log.

Owns the meaning of the cells: the index of each action, and the check of every number.
Batches are converted to arrays as they are read.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.cells import chances, numbers, pmfs
from bandit_svc.services.decision_logs.readers.contexts import ContextColumn
from bandit_svc.services.decision_logs.readers.rows import (
    Cells,
    Columns,
    Rows,
    UnreadableLog,
)

MAX_POSITIONS = 50


class Assembly:
    """A log that grows by batches of rows."""

    def __init__(
        self, source: str, columns: Columns, names: tuple[str, ...] | None
    ) -> None:
        """Start without any row.

        Args:
            source: the file, for messages.
            columns: as the user passed them.
            names: all actions, if columns are named after them.
        """
        self._source, self._columns, self._names = source, columns, names
        self._codes: dict[str, int] = {n: i for i, n in enumerate(names or ())}
        self._parts: dict[str, list[FloatArray]] = {}
        self._action: list[IntArray] = []
        self._count: list[IntArray] = []
        self._context = [ContextColumn(name) for name in columns.context]
        self._position = ContextColumn(columns.position or "")
        self._unit = ContextColumn(columns.unit or "")
        self._skipped = 0

    def add(self, rows: Rows) -> None:
        """Append a batch.

        Raises:
            UnreadableLog: a cell is impossible.
        """
        self._skipped += rows.skipped
        if not rows.line:
            return
        source, lines = self._source, rows.line
        columns = self._columns
        self._action.append(self._actions(rows))
        reward = numbers(source, lines, rows.reward, columns.reward or "the reward")
        self._keep("reward", reward)
        if rows.pmf is not None:
            name = f"{columns.propensities or 'p'}*"
            self._keep("pmf", pmfs(source, lines, rows.pmf, name))
        self._keep("propensity", self._propensity(rows))
        for name, cells in rows.targets.items():
            target = chances(source, lines, cells, name, zero=True)
            self._keep(f"target {name}", target)
        for name, pmf in rows.pmf_targets.items():
            self._keep(f"pmf {name}", pmfs(source, lines, pmf, f"{name}*"))
        if rows.count is not None:
            self._count.append(np.array(rows.count, dtype=np.int64))
        for column in self._context:
            column.add(rows.context[column.name])
        if rows.position is not None:
            self._position.add(rows.position)
        if rows.unit is not None:
            self._unit.add(rows.unit)

    def finish(self) -> DecisionLog:
        """Return the log.

        Raises:
            UnreadableLog: it has no decisions, or more actions than `columns` says.
        """
        if not self._action:
            left_out = f" ({self._skipped:,} have no reward)" if self._skipped else ""
            raise UnreadableLog(
                f"{self._source} has no decision that can be evaluated{left_out}; each "
                "needs an action, a reward and a propensity"
            )
        names, order = self._universe()
        whole = {name: _stacked(parts) for name, parts in self._parts.items()}
        self._parts.clear()
        eligible = None
        if self._count:
            limits = np.concatenate(self._count)
            if int(limits.min()) < len(names):
                eligible = np.arange(len(names)) < limits[:, None]
        cell, n_cells, cell_name = self._cells()
        return DecisionLog(
            source=self._source,
            actions=names,
            action=order[np.concatenate(self._action)],
            reward=whole["reward"],
            propensity=whole["propensity"],
            actions_known=self._knows_actions,
            pmf=_widened(whole.get("pmf"), len(names)),
            eligible=eligible,
            targets=_named(whole, "target "),
            pmf_targets=_named(whole, "pmf "),
            features=self._features(),
            position=self._positions(),
            unit=None if self._columns.unit is None else self._unit.codes,
            cell=cell,
            n_cells=n_cells,
            cell_name=cell_name,
            skipped=self._skipped,
        )

    def _keep(self, name: str, values: FloatArray) -> None:
        self._parts.setdefault(name, []).append(values)

    @property
    def _knows_actions(self) -> bool:
        named = self._names is not None or self._columns.actions is not None
        return named or bool(self._count)

    def _actions(self, rows: Rows) -> IntArray:
        """Return codes in the order of appearance, or the indices of known names."""
        cells, codes = rows.action, self._codes
        # Cells of other types can be equal and yet written in different ways.
        alike = set(map(type, cells)) in ({str}, {int})
        found: dict[object, int] = {}
        for cell in dict.fromkeys(cells) if alike else cells:
            name = action_name(cell)
            if name not in codes:
                if not name or self._names is not None:
                    line = rows.line[cells.index(cell)]
                    raise UnreadableLog.at(self._source, line, self._unknown(name))
                codes[name] = len(codes)
            found[cell] = codes[name]
        if alike:
            return np.fromiter(map(found.__getitem__, cells), np.int64, len(cells))
        return np.array([codes[action_name(cell)] for cell in cells], dtype=np.int64)

    def _unknown(self, name: str) -> str:
        if not name:
            return "the action is empty; each decision must have one"
        prefix = self._columns.targets or self._columns.propensities
        return f"the action is {name}; there is no column {prefix}{name} for it"

    def _propensity(self, rows: Rows) -> FloatArray:
        if (
            self._columns.propensity is None
            and rows.pmf is not None
            and rows.count is None
        ):
            pmf = self._parts["pmf"][-1]
            cells: Cells = pmf[np.arange(len(rows.line)), self._action[-1]].tolist()
        else:
            cells = rows.propensity
        name = self._columns.propensity or "the propensity"
        return chances(self._source, rows.line, cells, name, zero=False)

    def _universe(self) -> tuple[tuple[str, ...], IntArray]:
        """Return all actions in order, and the index of each code."""
        if self._names is not None:
            return self._names, np.arange(len(self._names))
        seen = list(self._codes)
        count = self._columns.actions
        if self._count:
            count = max(count or 0, int(max(c.max() for c in self._count)))
        names = all_actions(self._source, seen, count, from_one=bool(self._count))
        places = {name: index for index, name in enumerate(names)}
        return names, np.array([places[name] for name in seen], dtype=np.int64)

    def _features(self) -> FloatArray:
        parts = [column.features() for column in self._context]
        n = sum(part.size for part in self._action)
        return np.hstack([np.zeros((n, 0)), *parts]).astype(np.float64)

    def _positions(self) -> IntArray | None:
        if self._columns.position is None:
            return None
        return self._position.ranks(MAX_POSITIONS)

    def _cells(self) -> tuple[IntArray | None, int, str]:
        for column in (*self._context, self._position):
            if (found := column.cells()) is not None:
                return (*found, column.name)
        return None, 1, ""


def action_name(cell: object) -> str:
    """Return an action's name; 3.0 is 3."""
    text = "" if cell is None else str(cell).strip()
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text


def all_actions(
    source: str, seen: Sequence[str], count: int | None, *, from_one: bool
) -> tuple[str, ...]:
    """Name all actions: numbers in a row from 0 or 1, or the names that were seen.

    Raises:
        UnreadableLog: more were seen than `count`.
    """
    if not all(name.isdigit() for name in seen):
        if count is not None and len(seen) > count:
            raise UnreadableLog(_too_many(source, len(seen), count))
        unseen = (f"unseen-{i}" for i in range(1, (count or 0) - len(seen) + 1))
        return (*sorted(seen), *unseen)
    found = sorted(int(name) for name in seen)
    if len({str(number) for number in found}) != len(seen):
        raise UnreadableLog(
            f"{source} writes one number in two ways, such as 7 and 07; write each "
            "action in one way"
        )
    if count is None:
        return tuple(map(str, found))
    first = 1 if from_one or (found[0] > 0 and found[-1] == count) else 0
    if first <= found[0] and found[-1] < first + count:
        return tuple(str(number) for number in range(first, first + count))
    if len(found) > count:
        raise UnreadableLog(_too_many(source, len(found), count))
    unseen = (f"unseen-{i}" for i in range(1, count - len(found) + 1))
    return (*map(str, found), *unseen)


def _too_many(source: str, seen: int, count: int) -> str:
    return (
        f"{source} has {seen:,} different actions; --actions says {count:,}. Give the "
        "number of all that could be chosen"
    )


def _named(whole: Mapping[str, FloatArray], before: str) -> dict[str, FloatArray]:
    return {k.removeprefix(before): v for k, v in whole.items() if k.startswith(before)}


def _stacked(parts: list[FloatArray]) -> FloatArray:
    """Join batches; where pmfs of some are narrower, they are filled up with 0."""
    if parts[0].ndim == 1:
        return np.concatenate(parts)
    width = max(part.shape[1] for part in parts)
    return np.concatenate([_fitted(part, width) for part in parts])


def _fitted(pmf: FloatArray, width: int) -> FloatArray:
    return np.pad(pmf, ((0, 0), (0, width - pmf.shape[1])))


def _widened(pmf: FloatArray | None, width: int) -> FloatArray | None:
    return None if pmf is None else _fitted(pmf, max(width, pmf.shape[1]))
