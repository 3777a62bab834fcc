"""Assemble the rows of a file into the arrays of a decision log.

Owns the meaning of the cells: the index of each action, and the check of every number.
Batches are converted to arrays as they are read.
"""

import itertools
from collections import Counter
from collections.abc import Mapping

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.actions import action_name, all_actions
from bandit_svc.services.decision_logs.readers.bad_lines import BadLines, Faults
from bandit_svc.services.decision_logs.readers.cells import (
    NumberForm,
    chances,
    numbers,
    pmfs,
)
from bandit_svc.services.decision_logs.readers.contexts import ContextColumn
from bandit_svc.services.decision_logs.readers.rows import (
    Cells,
    Columns,
    Reading,
    Rows,
    UnreadableLog,
)

MAX_POSITIONS = 50
BAD = "bad"


class Assembly:
    """A log that grows by batches of rows."""

    def __init__(
        self,
        bad: BadLines,
        columns: Columns,
        names: tuple[str, ...] | None,
        reading: Reading,
    ) -> None:
        """Start without any row.

        Args:
            bad: of the file.
            columns: as the user passed them.
            names: all actions, if columns are named after them.
            reading: how the file is read.
        """
        self._bad, self._columns, self._names = bad, columns, names
        self._reading = reading
        self._codes: dict[str, int] = {n: i for i, n in enumerate(names or ())}
        self._parts: dict[str, list[FloatArray]] = {}
        self._action: list[IntArray] = []
        self._count: list[IntArray] = []
        self._from_one = True
        self._context = [ContextColumn(name) for name in columns.context]
        self._position = ContextColumn(columns.position or "")
        self._unit = ContextColumn(columns.unit or "")
        self._left_out: Counter[str] = Counter()

    def add(self, rows: Rows) -> None:
        """Append a batch, without its bad rows.

        Raises:
            UnreadableLog: a cell is impossible, and no more bad lines may be left out.
        """
        self._left_out += rows.left_out
        if not rows.line:
            return
        faults = Faults(rows.line)
        whole = self._numbers(faults, rows)
        self._mark_actions(faults, rows)
        right = faults.settled(self._bad)
        action = self._actions(rows, right)
        if right is not None:
            whole = {name: values[right] for name, values in whole.items()}
        if "propensity" not in whole and "pmf" in whole:
            entry = whole["pmf"][np.arange(action.size), action]
            again = Faults(_only(rows.line, right))
            whole["propensity"] = chances(
                again, entry.tolist(), "the propensity", zero=False
            )
            possible = again.settled(self._bad)
            if possible is not None:
                whole = {name: values[possible] for name, values in whole.items()}
                action = action[possible]
                right = _both(right, possible)
        self._keep(rows, whole, action, right)

    def _keep(
        self,
        rows: Rows,
        whole: Mapping[str, FloatArray],
        action: IntArray,
        right: BoolArray | None,
    ) -> None:
        self._action.append(action)
        self._from_one = rows.from_one
        for name, values in whole.items():
            self._parts.setdefault(name, []).append(values)
        if rows.count is not None:
            self._count.append(np.array(_only(rows.count, right), dtype=np.int64))
        for column in self._context:
            column.add(_only(rows.context[column.name], right))
        if rows.position is not None:
            self._position.add(_only(rows.position, right))
        if rows.unit is not None:
            self._unit.add(_only(rows.unit, right))

    def _numbers(self, faults: Faults, rows: Rows) -> dict[str, FloatArray]:
        """Return the columns of numbers by name, and mark the rows that have none."""
        columns, default = self._columns, self._reading.default_reward
        plain = NumberForm(comma=rows.decimal_comma)
        paid = NumberForm(comma=rows.decimal_comma, truth=True, default=default)
        name = columns.reward or "the reward"
        whole = {"reward": numbers(faults, rows.reward, name, paid)}
        if rows.pmf is not None:
            name = f"{columns.propensities or 'p'}*"
            whole["pmf"] = pmfs(faults, rows.pmf, name, plain)
        if len(rows.propensity):
            name = columns.propensity or "the propensity"
            whole["propensity"] = chances(
                faults, rows.propensity, name, zero=False, form=plain
            )
        for name, cells in rows.targets.items():
            target = chances(faults, cells, name, zero=True, form=plain)
            whole[f"target {name}"] = target
        for name, pmf in rows.pmf_targets.items():
            whole[f"pmf {name}"] = pmfs(faults, pmf, f"{name}*", plain)
        if rows.weight is not None:
            name = columns.weight or "the weight of the row"
            whole["weight"] = numbers(faults, rows.weight, name, plain)
            faults.mark(rows.weight, whole["weight"] > 0, f"{name}, above 0")
        return whole

    def finish(self) -> DecisionLog:
        """Return the log.

        Raises:
            UnreadableLog: it has no decisions, or more actions than `columns` says.
        """
        if not self._action:
            raise UnreadableLog(self._none_left())
        names, order = self._universe()
        whole = {name: _stacked(parts) for name, parts in self._parts.items()}
        action = order[np.concatenate(self._action)]
        if not action.size:
            raise UnreadableLog(self._none_left())
        self._parts.clear()
        eligible = None
        if self._count:
            limits = np.concatenate(self._count)
            if int(limits.min()) < len(names):
                eligible = np.arange(len(names)) < limits[:, None]
        cell, n_cells, cell_name = self._cells()
        return DecisionLog(
            source=self._bad.source,
            actions=names,
            action=action,
            reward=whole["reward"],
            propensity=whole.get("propensity", np.full(action.size, np.nan)),
            propensities_known="propensity" in whole,
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
            multiplicity=_relative(whole.get("weight")),
            left_out=self._all_left_out(),
        )

    def _all_left_out(self) -> dict[str, int]:
        bad = {BAD: self._bad.count} if self._bad.count else {}
        return dict(self._left_out) | bad

    def _none_left(self) -> str:
        left_out = self._all_left_out().items()
        listed = ", ".join(f"{number:,} {reason}" for reason, number in left_out)
        return (
            f"{self._bad.source} has no decision that can be evaluated"
            + (f" (left out: {listed})" if listed else "")
            + "; each needs an action, a reward and a propensity"
        )

    @property
    def _knows_actions(self) -> bool:
        named = self._names is not None or self._columns.actions is not None
        return named or bool(self._count)

    def _mark_actions(self, faults: Faults, rows: Rows) -> None:
        """Mark rows without an action, or with one that no column is named after."""
        cells = rows.action
        if set(map(type, cells)) & {list, dict}:
            cells = [None if isinstance(c, list | dict) else c for c in cells]
        for cell in dict.fromkeys(cells):
            name = action_name(cell)
            if name and (self._names is None or name in self._codes):
                continue
            for row, other in enumerate(cells):
                if action_name(other) == name:
                    faults.add(row, self._unknown(name))

    def _actions(self, rows: Rows, right: BoolArray | None) -> IntArray:
        """Return codes in the order of appearance, or the indices of known names."""
        cells, codes = _only(rows.action, right), self._codes
        # Cells of other types can be equal and yet written in different ways.
        alike = set(map(type, cells)) in ({str}, {int})
        found: dict[object, int] = {}
        for cell in dict.fromkeys(cells) if alike else cells:
            found[cell] = codes.setdefault(action_name(cell), len(codes))
        if alike:
            return np.fromiter(map(found.__getitem__, cells), np.int64, len(cells))
        return np.array([codes[action_name(cell)] for cell in cells], dtype=np.int64)

    def _unknown(self, name: str) -> str:
        if not name:
            return "the action is empty; each decision must have one"
        prefix = self._columns.targets or self._columns.propensities
        return f"the action is {name}; there is no column {prefix}{name} for it"

    def _universe(self) -> tuple[tuple[str, ...], IntArray]:
        """Return all actions in order, and the index of each code."""
        if self._names is not None:
            return self._names, np.arange(len(self._names))
        seen = list(self._codes)
        count = self._columns.actions
        if self._count:
            count = max(count or 0, int(max(c.max() for c in self._count)))
        names = all_actions(
            self._bad.source,
            seen,
            count,
            first=int(self._from_one) if self._count else None,
        )
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


def _only(cells: Cells, right: BoolArray | None) -> Cells:
    """Return the cells of the rows that are right."""
    if right is None:
        return cells
    return list(itertools.compress(cells, right.tolist()))


def _both(right: BoolArray | None, possible: BoolArray) -> BoolArray:
    """Return which rows are right, if those that were right are so or not."""
    if right is None:
        return possible
    right[right] = possible
    return right


def _relative(weight: FloatArray | None) -> FloatArray | None:
    """Return weights with the mean 1; None if all are alike."""
    if weight is None or float(weight.min()) == float(weight.max()):
        return None
    return np.asarray(weight / weight.mean())
