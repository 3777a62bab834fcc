"""Bound the mean of bounded values at every look.

Owns the sequence for one stream of values in a known range: mean weights, the terms
of a doubly robust estimate. For weighted rewards betting.py is tighter, since it
knows that the mean weight is 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.bets import Bets, FloatArray, no_sums
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.interval import Interval

SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class MeanSequence:
    """A mean from values in [minimum, maximum], betting as bets.py tells.

    A doubly robust estimate for rewards in [0, 1], predictions in [0, 1] made before
    the round, and weights up to W has terms in [-W, W + 1].

    Attributes:
        minimum: the smallest possible value.
        maximum: the largest.
        typical_variance: what the bets are sized for; wrong by a factor of 50 it
            costs a few percent of width, and never validity.
        n: values so far.
        from_below: (J,), sums for the lower end; empty stands for zeros.
        from_above: (J,), sums for the upper end.
    """

    minimum: float
    maximum: float
    typical_variance: float
    n: int = 0
    from_below: FloatArray = field(default_factory=no_sums)
    from_above: FloatArray = field(default_factory=no_sums)

    def __post_init__(self) -> None:
        if not (self.minimum < self.maximum and self.typical_variance > 0):
            raise LoggedDataError(
                f"the range is {self.minimum} to {self.maximum} and the typical "
                f"variance {self.typical_variance}; the minimum must be the smaller "
                "and the variance above 0"
            )
        for name in ("from_below", "from_above"):
            if getattr(self, name).size == 0:
                zeros = np.zeros(self._bets.size.size)
                object.__setattr__(self, name, zeros)

    @property
    def _bets(self) -> Bets:
        return _bets(self.typical_variance)

    def add(self, values: npt.ArrayLike) -> "MeanSequence":
        """Count one value, or an array of them.

        Raises:
            LoggedDataError: a value is outside of the range.
        """
        x = np.asarray(values, dtype=np.float64).reshape(-1, 1)
        slack = SLACK * (self.maximum - self.minimum)
        if not np.all((x >= self.minimum - slack) & (x <= self.maximum + slack)):
            raise LoggedDataError(
                f"values go from {x.min()} to {x.max()}; they must be between "
                f"{self.minimum} and {self.maximum}"
            )
        up = self._bets.logs(np.maximum(x - self.minimum, 0)).sum(axis=0)
        down = self._bets.logs(np.maximum(self.maximum - x, 0)).sum(axis=0)
        return replace(
            self,
            n=self.n + x.size,
            from_below=self.from_below + up,
            from_above=self.from_above + down,
        )

    def merge(self, other: "MeanSequence") -> "MeanSequence":
        """Give the sequence of both streams together.

        Raises:
            LoggedDataError: the two differ in range or typical variance.
        """
        mine = (self.minimum, self.maximum, self.typical_variance)
        theirs = (other.minimum, other.maximum, other.typical_variance)
        if mine != theirs:
            raise LoggedDataError(
                f"sequences of (minimum, maximum, typical_variance) {mine} and "
                f"{theirs} can't be merged"
            )
        return replace(
            self,
            n=self.n + other.n,
            from_below=self.from_below + other.from_below,
            from_above=self.from_above + other.from_above,
        )

    def interval(self, confidence: float = 0.95) -> Interval:
        """Bound the mean (of the values' means given their past), at every look.

        Both ends lie within the range; the whole range comes back if the two sides
        contradict each other.
        """
        n, risk = np.array([float(self.n)]), (1 - confidence) / 2
        width = self.maximum - self.minimum
        below, above = (
            float(
                self._bets.refuted_below(np.atleast_2d(sums), n, (0.0, width), risk)[0]
            )
            for sums in (self.from_below, self.from_above)
        )
        if below > width - above or max(below, above) >= width:
            return Interval(self.minimum, self.maximum)
        return Interval(self.minimum + below, self.maximum - above)

    def to_dict(self) -> dict[str, float | list[float]]:
        """Give the state as plain numbers."""
        return {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "typical_variance": self.typical_variance,
            "n": self.n,
            "from_below": [float(s) for s in self.from_below],
            "from_above": [float(s) for s in self.from_above],
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "MeanSequence":
        """Restore what `to_dict` gave, to the last bit.

        Raises:
            LoggedDataError: the state is of another version: its arrays don't fit.
        """
        low, high, variance = (
            float(str(state[name]))
            for name in ("minimum", "maximum", "typical_variance")
        )
        empty = cls(low, high, variance)
        arrays = {
            name: np.asarray(state[name], dtype=np.float64)
            for name in ("from_below", "from_above")
        }
        for name, sums in arrays.items():
            if sums.shape != empty._bets.size.shape:
                raise LoggedDataError(
                    f"{name} has shape {sums.shape}; this version's sequences have "
                    f"{empty._bets.size.shape}. Compute it again from the log"
                )
        return replace(
            empty,
            n=int(str(state["n"])),
            from_below=arrays["from_below"],
            from_above=arrays["from_above"],
        )


@cache
def _bets(typical_variance: float) -> Bets:
    return Bets.around(typical_variance)
