"""Bound the mean of bounded values at every look.

Owns the sequence for one stream of values in a known range: mean weights, the terms
of a doubly robust estimate. For weighted rewards betting.py is tighter, since it
uses that the mean weight is 1.
"""

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.sequences.bets import Bets
from bandit_svc.ope.sequences.two_sided import SLACK, TwoSided


@dataclass(frozen=True, eq=False)
class MeanSequence(TwoSided):
    """A mean of values in [minimum, maximum], by the bets of bets.py.

    A doubly robust estimate for rewards in [0, 1], predictions in [0, 1] made before
    the round, and weights up to W has terms in [-W, W + 1].

    Attributes:
        minimum: the smallest possible value.
        maximum: the largest.
        typical_variance: the variance that the bets are sized for. If it is wrong by
            a factor of 50, the interval is a few percent wider and still valid.
    """

    declared: ClassVar = ("minimum", "maximum", "typical_variance")

    minimum: float
    maximum: float
    typical_variance: float

    def __post_init__(self) -> None:
        if not (self.minimum < self.maximum and self.typical_variance > 0):
            raise LoggedDataError(
                f"the range is {self.minimum} to {self.maximum} and the typical "
                f"variance {self.typical_variance}; the minimum must be the smaller "
                "and the variance above 0"
            )
        super().__post_init__()

    @property
    def bets(self) -> tuple[Bets, Bets]:
        """The same bets on both sides."""
        return (_bets(self.typical_variance),) * 2

    @property
    def limits(self) -> tuple[float, float]:
        """The range of values."""
        return self.minimum, self.maximum

    @property
    def span(self) -> float:
        """Bets are on the distances of values from either end."""
        return self.maximum - self.minimum

    def add(self, values: npt.ArrayLike) -> "MeanSequence":
        """Add one value, or an array of them.

        Raises:
            LoggedDataError: a value is outside of the range.
        """
        x = np.asarray(values, dtype=np.float64).reshape(-1, 1)
        slack = SLACK * self.span
        if not np.all((x >= self.minimum - slack) & (x <= self.maximum + slack)):
            raise LoggedDataError(
                f"values range from {x.min()} to {x.max()}; they must be between "
                f"{self.minimum} and {self.maximum}"
            )
        up, down = (
            bets.logs(np.maximum(distance, 0)).sum(axis=0)
            for bets, distance in zip(
                self.bets, (x - self.minimum, self.maximum - x), strict=True
            )
        )
        return self.plus(x.size, up, down)


@cache
def _bets(typical_variance: float) -> Bets:
    return Bets.around(typical_variance)
