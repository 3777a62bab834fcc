"""Contexts and actions as vectors, for libraries that take nothing else.

Owns what is done for these contestants, in their favour: the commonest columns of the
first contexts are known before the first round, and numbers are standardised by them.
Ours get the contexts as they are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from policies.base import Action, Context, Scalar
from simulators.environment import FloatArray, flatten

SAMPLE = 2_000
MOST_COLUMNS = 64
_FURTHEST = 5.0


class Encoder:
    """Turns a context into a vector of fixed length: a constant, numbers, one-hot."""

    def __init__(self, contexts: Sequence[Context]) -> None:
        seen: Counter[tuple[str, Scalar]] = Counter()
        numbers: dict[str, list[float]] = {}
        for context in contexts[:SAMPLE]:
            for name, value in flatten(context).items():
                if _is_number(value):
                    numbers.setdefault(name, []).append(float(value or 0))
                    seen[name, None] += 1
                else:
                    seen[name, str(value)] += 1
        common = [column for column, _ in seen.most_common(MOST_COLUMNS)]
        self._column_of = {column: 1 + place for place, column in enumerate(common)}
        self._scale = {
            name: (float(np.mean(found)), float(np.std(found)) or 1.0)
            for name, found in numbers.items()
        }
        self.length = 1 + len(common)

    def encode(self, context: Context) -> FloatArray:
        """Return the vector of a context, shape (length,)."""
        vector = np.zeros(self.length)
        vector[0] = 1.0
        for name, value in flatten(context).items():
            if _is_number(value):
                place = self._column_of.get((name, None))
                if place is not None:
                    mean, deviation = self._scale[name]
                    scaled = (float(value or 0) - mean) / deviation
                    vector[place] = min(max(scaled, -_FURTHEST), _FURTHEST)
            else:
                place = self._column_of.get((name, str(value)))
                if place is not None:
                    vector[place] = 1.0
        return vector

    def named(self, context: Context) -> dict[str, float]:
        """Return the same by the names of the columns, without zeros."""
        vector = self.encode(context)
        return {f"x{place}": float(vector[place]) for place in np.flatnonzero(vector)}


class ActionEncoder:
    """Turns actions into rows: which one it is, its numbers and categories."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._place = {action.key: place for place, action in enumerate(actions)}
        columns: dict[tuple[str, Scalar], int] = {}
        for action in actions:
            for name, value in _features(action).items():
                column = (name, None if _is_number(value) else value)
                columns.setdefault(column, len(actions) + len(columns))
        self._table = np.zeros((len(actions), len(actions) + len(columns)))
        for action, row in zip(actions, self._table, strict=True):
            row[self._place[action.key]] = 1.0
            for name, value in _features(action).items():
                number = _is_number(value)
                place = columns[name, None if number else value]
                row[place] = float(value or 0) if number else 1.0

    def encode(self, actions: Sequence[Action]) -> FloatArray:
        """Return the rows of some actions."""
        return self._table[[self._place[action.key] for action in actions]]


def _features(action: Action) -> Mapping[str, Scalar]:
    return flatten(action.features)


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
