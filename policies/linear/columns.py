"""From a context to a short vector of numbers, at most `limit` columns wide.

Owns the column of each feature and the scale of numbers. Columns are assigned in the
order in which features are first learned, so that they are a function of the log. When
only the shared columns are left, further features are hashed into those.
"""

import math
import zlib

import msgspec
import numpy as np

from policies.base import Context
from policies.features import context_features
from policies.linear.regressions import Floats, Indices

INTERCEPT = 0
SHARED_PART = 8
"""One column in so many is shared by the features that came last."""

LEAST_EXPONENT = -20
"""Numbers whose size never exceeds a millionth stay small; they are not scaled to 1."""


class Columns(msgspec.Struct):
    """The column of each feature, and the power of two that scales each number.

    Attributes:
        limit: the most columns, the intercept included.
        known: column of each feature with one of its own.
        exponents: for a number's column, e such that every |x| learned was < 2**e.
    """

    limit: int
    known: dict[str, int] = msgspec.field(default_factory=dict)
    exponents: dict[int, int] = msgspec.field(default_factory=dict)

    @property
    def width(self) -> int:
        """The number of columns in use."""
        own = len(self.known) + 1
        return own if own < self._first_shared else self.limit

    @property
    def _first_shared(self) -> int:
        return self.limit - self.limit // SHARED_PART

    def vector(self, context: Context) -> tuple[Indices, Floats, float]:
        """Return a context's columns and values; nothing is assigned.

        Returns:
            indices: shape (n,), columns that aren't zero, ascending.
            values: shape (n,), at those columns.
            unseen: sum of squares of the features that have no column yet.
        """
        by_column = {INTERCEPT: 1.0}
        unseen = 0.0
        for name, value in context_features(context):
            column = self._column(name)
            if column is None:
                # A number is scaled to at most 1 once it has a column.
                unseen += min(value * value, 1.0)
            else:
                exponent = self.exponents.get(column)
                scaled = math.ldexp(value, -exponent) if exponent else value
                by_column[column] = by_column.get(column, 0.0) + scaled
        indices = sorted(by_column)
        values = [by_column[column] for column in indices]
        return np.array(indices), np.array(values), unseen

    def admit(self, context: Context) -> dict[int, int]:
        """Assign columns to the new features of a context that is learned from.

        Returns:
            For each column whose numbers are divided by more than before, the number of
            further powers of two.

        Raises:
            PolicyError: a feature is refused; no column was assigned.
        """
        doublings: dict[int, int] = {}
        # All features are read first, so that a refused one changes nothing.
        for name, value in list(context_features(context)):
            column = self._column(name)
            if column is None:
                column = self.known[name] = len(self.known) + 1
            if name[-1] == "#" and value:
                # frexp returns the exponent e with |value| < 2**e.
                needed = max(math.frexp(value)[1], LEAST_EXPONENT)
                old = self.exponents.get(column)
                if old is None:
                    self.exponents[column] = needed
                elif needed > old:
                    self.exponents[column] = needed
                    doublings[column] = doublings.get(column, 0) + needed - old
        return doublings

    def _column(self, name: str) -> int | None:
        column = self.known.get(name)
        first_shared = self._first_shared
        if column is not None or len(self.known) + 1 < first_shared:
            return column
        # crc32 and not hash(), which differs between processes.
        return first_shared + zlib.crc32(name.encode()) % (self.limit - first_shared)
