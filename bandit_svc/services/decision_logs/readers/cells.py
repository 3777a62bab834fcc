"""Convert the cells of a file to numbers, and mark the wrong ones.

Owns the ranges that a log's numbers must be in, and the forms of numbers: true and
false, a decimal comma, and what stands for no value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.services.decision_logs.readers.bad_lines import Faults
from bandit_svc.services.decision_logs.readers.rows import Cells

SUM_TOLERANCE = 1e-3
"""Largest distance of the sum of a pmf from 1: logs print few digits."""
ROUNDED = 1e-6
"""How far outside of 0 to 1 a chance may be by rounding: float32 has seven digits."""
_TRUTH = {"true": 1.0, "false": 0.0}
_MISSING = {"", "nan", "na", "null", "none"}


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How the numbers of a column may be written.

    Attributes:
        comma: a comma may be the decimal point; then no cell of the column has a point.
        truth: true is 1 and false is 0.
        default: of a cell without a value; None if each must have one.
    """

    comma: bool = False
    truth: bool = False
    default: float | None = None


PLAIN = NumberForm()


def numbers(
    faults: Faults,
    cells: Cells,
    name: str,
    form: NumberForm = PLAIN,
    width: int = 1,
) -> FloatArray:
    """Return finite numbers, (n * width,); NaN where a cell is none, which is marked.

    Args:
        faults: of the rows.
        cells: (n * width,).
        name: of the column, for sentences.
        form: of the numbers.
        width: cells of a row.
    """
    try:
        values = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        values = np.empty((0, 0))
    if values.ndim != 1:
        # Text, or lists of JSON that are all as long.
        values = np.array(_converted(cells, form), dtype=np.float64)
    if form.default is not None:
        values = _filled(values, cells, form.default)
    elif not form.truth and not isinstance(cells, np.ndarray) and True in cells:
        values = np.where([isinstance(cell, bool) for cell in cells], np.nan, values)
    faults.mark(cells, np.isfinite(values), f"{name}, a finite number", width)
    return values


def chances(
    faults: Faults,
    cells: Cells,
    name: str,
    *,
    zero: bool,
    form: NumberForm = PLAIN,
) -> FloatArray:
    """Return probabilities, (n,): up to 1, and above 0 unless `zero`."""
    values = numbers(faults, cells, name, form)
    _mark_chances(faults, cells, values, name, zero=zero)
    return np.asarray(np.clip(values, 0.0, 1.0))


def pmfs(
    faults: Faults, rows: Cells, name: str, form: NumberForm = PLAIN
) -> FloatArray:
    """Return pmfs, (n, K), whose rows sum to 1; short rows are filled with 0."""
    if isinstance(rows, np.ndarray):
        width = rows.shape[1]
        cells: Cells = rows.reshape(-1)
    else:
        width = max(len(row) for row in rows)
        cells = [cell for row in rows for cell in _padded(row, width)]
    values = numbers(faults, cells, name, form, width)
    _mark_chances(faults, cells, values, name, zero=True, width=width)
    values = np.clip(values, 0.0, 1.0).reshape(-1, width)
    sums = values.sum(axis=1)
    right = np.abs(sums - 1) <= SUM_TOLERANCE
    faults.mark(sums.tolist(), right, f"the sum of {name}, 1")
    return np.asarray(values / np.where(right, sums, 1.0)[:, None])


def _padded(row: Sequence[object], width: int) -> list[object]:
    return [*row, *[0.0] * (width - len(row))]


def _mark_chances(
    faults: Faults,
    cells: Cells,
    values: FloatArray,
    name: str,
    *,
    zero: bool,
    width: int = 1,
) -> None:
    least = values >= -ROUNDED if zero else values > 0
    limit = "from 0 to 1" if zero else "above 0 and at most 1"
    faults.mark(cells, least & (values <= 1 + ROUNDED), f"{name}, {limit}", width)


def _converted(cells: Cells, form: NumberForm) -> list[float]:
    texts = [_text(cell) for cell in cells]
    if form.comma and any("," in text for text in texts):
        texts = ["" if "." in text else text.replace(",", ".", 1) for text in texts]
    return [_number(text, form) for text in texts]


def _text(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


def _number(text: str, form: NumberForm) -> float:
    if form.truth and (value := _TRUTH.get(text.casefold())) is not None:
        return value
    try:
        return float(text)
    except ValueError:
        return math.nan


def _filled(values: FloatArray, cells: Cells, default: float) -> FloatArray:
    """Put the default where a cell has no value, not where it has a wrong one."""
    places = np.flatnonzero(np.isnan(values))
    for place in places.tolist():
        if _text(cells[place]).casefold() in _MISSING:
            values[place] = default
    return values
