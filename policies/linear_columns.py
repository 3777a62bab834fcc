"""From a context to a short vector of numbers, at most `limit` columns wide.

Owns which column a feature has, and the scale of numbers. Columns are given in the
order in which features are first learned, so that they are a function of the log;
when only the shared ones are left, further features are hashed into those.
"""

import itertools
import math
import zlib
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from policies.base import Context
from policies.features import Named, context_features

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

INTERCEPT = 0
SHARED_SHARE = 8
"""One column in so many is shared by the features that came too late."""


class Columns(msgspec.Struct):
    """The column of each feature, and the power of two that each number is cut by.

    Attributes:
        limit: the most columns, the intercept included.
        pairs: whether products of two features have columns too.
        known: column of each feature with one of its own.
        exponents: for a number's column, e such that every |x| learned was <= 2**e.
    """

    limit: int
    pairs: bool
    known: dict[str, int] = msgspec.field(default_factory=dict)
    exponents: dict[int, int] = msgspec.field(default_factory=dict)

    @property
    def width(self) -> int:
        """How many columns are in use."""
        own = len(self.known) + 1
        return own if own < self._own_limit else self.limit

    @property
    def _own_limit(self) -> int:
        return self.limit - self.limit // SHARED_SHARE

    def vector(self, context: Context) -> tuple[Indices, Floats, float]:
        """Look a context up without changing anything.

        Returns:
            indices: columns that are not zero, ascending.
            values: at those columns.
            unseen: sum of squares of the features that have no column yet.
        """
        by_column = {INTERCEPT: 1.0}
        unseen = 0.0
        for name, value in self._features(context):
            column = self._column(name)
            if column is None:
                unseen += min(value * value, 1.0)
            else:
                scaled = math.ldexp(value, -self.exponents.get(column, 0))
                by_column[column] = by_column.get(column, 0.0) + scaled
        columns = sorted(by_column)
        values = [by_column[column] for column in columns]
        return np.array(columns), np.array(values), unseen

    def admit(self, context: Context) -> dict[int, int]:
        """Give columns to the new features of a context that is learned from.

        Returns:
            For each column whose scale grew, by how many powers of two.
        """
        grown: dict[int, int] = {}
        for name, value in self._features(context):
            column = self._column(name)
            if column is None:
                column = self.known[name] = len(self.known) + 1
            if "#" in name and value:
                needed = math.frexp(value)[1]
                old = self.exponents.get(column)
                if old is None or needed > old:
                    self.exponents[column] = needed
                    grown[column] = 0 if old is None else needed - old
        return grown

    def _column(self, name: str) -> int | None:
        column = self.known.get(name)
        if column is not None or len(self.known) + 1 < self._own_limit:
            return column
        spare = self.limit - self._own_limit
        return self._own_limit + zlib.crc32(name.encode()) % spare

    def _features(self, context: Context) -> Sequence[Named]:
        if not self.pairs:
            return list(context_features(context))
        # Sorted, so that a pair has one name whatever the order of a context.
        single = sorted(context_features(context))
        return single + [
            (f"{one}&{other}", first * second)
            for (one, first), (other, second) in itertools.combinations(single, 2)
        ]
