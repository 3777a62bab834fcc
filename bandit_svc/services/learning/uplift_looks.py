"""The uplift as it was at moments of the past.

Owns a bounded number of looks at the sums of an uplift, from which a report draws its
course: one at the end of each stretch of time in which a decision was exposed. As soon
as there are MOST, stretches are twice as long, and of those that fall together the
last look stays.
"""

from typing import NamedTuple

import msgspec
import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray

MOST = 200
FIRST_WIDTH_MS = 1_000
_COLUMNS = 6


class Look(NamedTuple):
    """The uplift after the decisions up to a moment.

    Attributes:
        exposed_at_ms: of the newest decision that counts.
        estimate: absolute, in reward units; NaN where it is not known, as below.
        lower: the lower end.
        upper: the upper end.
        treatment: the treatment's mean reward.
        baseline: the baseline's.
    """

    exposed_at_ms: float
    estimate: float
    lower: float
    upper: float
    treatment: float
    baseline: float


class Looks(msgspec.Struct, frozen=True, array_like=True):
    """The looks so far.

    Attributes:
        newest_ms: when the newest decision of all was exposed; 0 before any.
        width_ms: the length of a stretch.
        rows: the looks as 64-bit numbers, one after the other.
    """

    newest_ms: int = 0
    width_ms: int = FIRST_WIDTH_MS
    rows: bytes = b""

    def all(self) -> list[Look]:
        """Return the looks in their order."""
        return [Look(*row) for row in self._array.tolist()]

    def room(self, exposed_at_ms: IntArray) -> int:
        """Return how many of the next decisions are in no later stretch than all."""
        if self.newest_ms == 0:
            return 1
        stretch = exposed_at_ms // self.width_ms
        later = np.flatnonzero(stretch > self.newest_ms // self.width_ms)
        return int(later[0]) if later.size else exposed_at_ms.size

    def with_look(self, look: Look) -> "Looks":
        """Add the look at the end of the stretch that has ended."""
        rows = np.concatenate([self._array, np.array([look])])
        width_ms = self.width_ms
        while len(rows) >= MOST:
            width_ms *= 2
            stretch = rows[:, 0] // width_ms
            rows = rows[np.append(stretch[1:] != stretch[:-1], True)]
        return Looks(self.newest_ms, width_ms, rows.astype("<f8").tobytes())

    def until(self, exposed_at_ms: int) -> "Looks":
        """Return the looks after decisions up to that moment were added."""
        return Looks(max(self.newest_ms, exposed_at_ms), self.width_ms, self.rows)

    @property
    def _array(self) -> FloatArray:
        rows = np.frombuffer(self.rows, dtype="<f8").reshape(-1, _COLUMNS)
        return rows.astype(np.float64)
