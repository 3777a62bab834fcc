"""Convert the cells of a file to numbers; an error names the line of a wrong one.

Owns the ranges that a log's numbers must be in.
"""

import math
from collections.abc import Sequence

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray
from bandit_svc.services.decision_logs.readers.rows import Cells, UnreadableLog

SUM_TOLERANCE = 1e-3
"""Largest distance of the sum of a pmf from 1: logs print few digits."""


def numbers(source: str, lines: Sequence[int], cells: Cells, name: str) -> FloatArray:
    """Return finite numbers, (n,).

    Raises:
        UnreadableLog: a cell is not one; the message names the first.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError):
        values = np.array([_number(cell) for cell in cells])
    refuse(source, lines, cells, np.isfinite(values), f"{name}, a finite number")
    return values


def chances(
    source: str,
    lines: Sequence[int],
    cells: Cells,
    name: str,
    *,
    zero: bool,
) -> FloatArray:
    """Return probabilities, (n,): up to 1, and above 0 unless `zero`."""
    values = numbers(source, lines, cells, name)
    right = (values >= 0 if zero else values > 0) & (values <= 1)
    limit = "from 0 to 1" if zero else "above 0 and at most 1"
    refuse(source, lines, cells, right, f"{name}, {limit}")
    return values


def pmfs(
    source: str,
    lines: Sequence[int],
    rows: Cells,
    name: str,
) -> FloatArray:
    """Return pmfs, (n, K), whose rows sum to 1; short rows are filled with 0."""
    if isinstance(rows, np.ndarray):
        width = rows.shape[1]
        cells: Cells = rows.reshape(-1)
    else:
        width = max(len(row) for row in rows)
        filled = [[*row, *[0.0] * (width - len(row))] for row in rows]
        cells = [cell for row in filled for cell in row]
    where = np.repeat(np.asarray(lines), width).tolist()
    values = chances(source, where, cells, name, zero=True).reshape(-1, width)
    sums = values.sum(axis=1)
    right = np.abs(sums - 1) <= SUM_TOLERANCE
    refuse(source, lines, sums.tolist(), right, f"the sum of {name}, 1")
    return np.asarray(values / sums[:, None])


def refuse(
    source: str,
    lines: Sequence[int],
    cells: Cells,
    right: BoolArray,
    what: str,
) -> None:
    """Raise an error that names the first wrong cell, its limit and the way out.

    Args:
        source: the file.
        lines: (n,), the line of each cell.
        cells: (n,), as they are in the file.
        right: (n,), true for cells within their limit.
        what: the column and its limit, "click, a finite number".

    Raises:
        UnreadableLog: one is wrong.
    """
    if right.all():
        return
    first = int(np.argmin(right))
    name, _, limit = what.rpartition(", ")
    found = cells[first]
    shown = "empty" if found is None or found == "" else repr(found)
    raise UnreadableLog.at(
        source,
        lines[first],
        f"{name} is {shown}; it must be {limit}. Correct the line or leave it out of "
        "the file",
    )


def _number(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return math.nan
