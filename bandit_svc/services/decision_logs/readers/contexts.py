"""Convert columns of context to features.

Owns the rule by which a column is numeric or categorical: a column is numeric if
every value of it is; it is centred and scaled. Any other value, an empty one too, is
a category of its own, one column each but for the first.
"""

import math
from array import array

import numpy as np

from bandit_svc.errors import InvalidInput
from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.decision_log import MAX_CELLS
from bandit_svc.services.decision_logs.readers.rows import Cells

MAX_CATEGORIES = 200


class ContextColumn:
    """One column, stored as codes of the values seen so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._codes: dict[str, int] = {}
        self._cells = array("i")

    def add(self, cells: Cells) -> None:
        """Append cells."""
        codes = self._codes
        if set(map(type, cells)) != {str}:
            cells = ["" if c is None else str(c) for c in cells]
        for text in dict.fromkeys(cells):
            codes.setdefault(text, len(codes))
        self._cells.extend(map(codes.__getitem__, cells))

    @property
    def codes(self) -> IntArray:
        """(n,), a number for each value, in the order of their first appearance."""
        return np.array(self._cells, dtype=np.int64)

    def features(self) -> FloatArray:
        """Return (n, d) features.

        Raises:
            InvalidInput: there are too many categories to learn from.
        """
        cells = np.asarray(self._cells, dtype=np.int64)
        values = [_value(text) for text in self._codes]
        if all(math.isfinite(value) for value in values):
            column = np.array(values, dtype=np.float64)[cells]
            spread = float(column.std())
            scaled = (column - column.mean()) / (spread or 1.0)
            return np.asarray(scaled).reshape(-1, 1)
        if len(values) > MAX_CATEGORIES:
            raise InvalidInput(
                f"--context-columns: {self.name} has {len(values):,} different values; "
                f"at most {MAX_CATEGORIES} are allowed. Leave it out or group it"
            )
        shown = self._ranked()[:, None] == np.arange(1, len(values))
        return np.asarray(shown, dtype=np.float64)

    def cells(self) -> tuple[IntArray, int] | None:
        """Return (n,) codes from 0 and their number; None if not 2 to MAX_CELLS."""
        count = len(self._codes)
        return (self._ranked(), count) if 1 < count <= MAX_CELLS else None

    def ranks(self, most: int) -> IntArray:
        """Return the value of each decision as a code from 0, (n,).

        Raises:
            InvalidInput: there are more values than `most`.
        """
        if len(self._codes) > most:
            raise InvalidInput(
                f"--position-column: {self.name} has {len(self._codes):,} different "
                f"values; at most {most} are allowed"
            )
        return self._ranked()

    def _ranked(self) -> IntArray:
        """Number the values in their sort order, not in that of appearance."""
        order = np.argsort(np.argsort(np.array(list(self._codes), dtype=np.str_)))
        return order.astype(np.int64)[np.asarray(self._cells, dtype=np.int64)]


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
