"""From the cells of a table to the values of a context.

Owns what a column of text holds: numbers, or true and false, if every cell of it does,
and text otherwise. An empty cell is a feature that is missing. A name with a dot is a
feature in a namespace.
"""

import math
from collections.abc import Mapping

from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.decision_logs.readers.rows import Cells

_TRUTH = {"true": True, "false": False}
_EMPTY = {"", None}


class CellKinds:
    """What the columns of a text file hold; of other files, cells are as they are."""

    def __init__(self) -> None:
        self._numeric: dict[str, bool] = {}
        self._truth: dict[str, bool] = {}

    def see(self, cells: Mapping[str, Cells]) -> None:
        """Look at some cells of each column."""
        for name, found in cells.items():
            texts = {str(cell) for cell in found if cell not in _EMPTY}
            numeric = all(number_in(text, comma=True) is not None for text in texts)
            truth = all(text.lower() in _TRUTH for text in texts)
            self._numeric[name] = self._numeric.get(name, True) and numeric
            self._truth[name] = self._truth.get(name, True) and truth

    def value(self, name: str, cell: object, *, comma: bool) -> object:
        """Return a cell as the value of a feature; None for a missing one."""
        if isinstance(cell, float) and math.isnan(cell):
            return None
        if not isinstance(cell, str) or name not in self._numeric:
            return cell
        if not cell:
            return None
        if self._truth[name]:
            return _TRUTH[cell.lower()]
        return number_in(cell, comma=comma) if self._numeric[name] else cell


def number_in(cell: object, *, comma: bool) -> float | int | None:
    """Return the finite number that a cell holds, None if it holds none."""
    if isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, int | float):
        return cell if math.isfinite(cell) else None
    text = str(cell or "").strip()
    if text.lower() in _TRUTH:
        return int(_TRUTH[text.lower()])
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text.replace(",", ".") if comma else text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def nested(values: Mapping[str, object]) -> Payload:
    """Return a context; `namespace.name` becomes a name in a namespace."""
    found: Payload = {}
    for name, value in values.items():
        if value is None:
            continue
        space, dot, inner = name.partition(".")
        if not dot:
            found[name] = value
            continue
        inside = found.setdefault(space, {})
        if isinstance(inside, dict):
            inside[inner] = value
    return found
