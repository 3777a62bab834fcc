"""Compare logged probabilities with how often the actions were chosen.

Owns the sums that it needs, by block (of model versions, say) and by size of the
probability, and a p-value of them that may be read at every look.

A decision whose logged probabilities in a bin sum to e chooses one of their actions
with probability e, if they are true. So for any stake t, with h = 1 where it did and v
= e (1 - e),

    product over decisions of exp(t (h - e) - (exp(|t|) - |t| - 1) v)

is a nonnegative supermartingale that starts at 1 (Bennett's bound, since |h - e| is at
most 1). It needs only the sums of h, e and v, so that it costs a report nothing. A mean
over stakes, bins and blocks is one too, and by Ville's inequality it ever reaches 1 / a
with a probability of at most a, at all looks together.

References:
    Howard, Ramdas, McAuliffe and Sekhon (2020), "Time-uniform Chernoff bounds via
    nonnegative supermartingales", Probability Surveys 17, table 3 (Bennett).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.audit.propensity_audit import BINS

STAKES = np.array([0.003, 0.006, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
STAKES = np.concatenate([-STAKES[::-1], STAKES])
SMALLEST_VARIANCE = 1.0
"""The least variance of a cell for its difference in standard errors."""


@dataclass(frozen=True, slots=True)
class Worst:
    """The cell that is furthest from what was logged.

    Attributes:
        low: the lower end of its bin of probabilities.
        n: its number of decisions.
        expected: how many of them should have chosen within the bin.
        happened: how many did.
        standard_errors: the size of the difference.
    """

    low: float
    n: int
    expected: float
    happened: float
    standard_errors: float


@dataclass(frozen=True, slots=True)
class CalibrationSums:
    """Sums over decisions by block and bin of chances (BINS), (blocks, bins) each.

    Attributes:
        n: decisions with a chance in the bin.
        expected: the sum of their chances in the bin.
        variance: the sum of e (1 - e), e being one decision's chances in the bin.
        happened: how many of them chose an action of the bin.
    """

    n: FloatArray
    expected: FloatArray
    variance: FloatArray
    happened: FloatArray

    @classmethod
    def of(
        cls, pmf: FloatArray, action: IntArray, block: IntArray, n_blocks: int
    ) -> "CalibrationSums":
        """Sum up decisions.

        Args:
            pmf: (n, K), logged chances; 0 for actions that were not eligible.
            action: (n,), which was chosen.
            block: (n,), in 0 .. n_blocks - 1.
            n_blocks: how many blocks there are.
        """
        rounds, bins = pmf.shape[0], BINS.size
        rows = np.arange(rounds)
        inside = np.searchsorted(BINS, pmf, side="right") - 1
        cell = rows[:, None] * bins + inside
        flat = np.bincount(cell.ravel(), weights=pmf.ravel(), minlength=rounds * bins)
        expected = flat.reshape(rounds, bins)
        happened = np.zeros((rounds, bins))
        happened[rows, inside[rows, action]] = 1.0
        there = ((expected > 0) | (happened > 0)).astype(np.float64)
        # Rounding may bring a sum of chances over 1.
        variance = np.maximum(expected * (1 - expected), 0.0)
        parts = (there, expected, variance, happened)
        sums = (np.zeros((n_blocks, bins)) for _ in parts)
        return cls(
            *(_added(s, block, part) for s, part in zip(sums, parts, strict=True))
        )

    @property
    def worst(self) -> Worst:
        """The cell with the largest difference in standard errors."""
        spread = np.sqrt(np.maximum(self.variance, SMALLEST_VARIANCE))
        errors = np.abs(self.happened - self.expected) / spread
        place = np.unravel_index(int(np.argmax(errors)), errors.shape)
        return Worst(
            low=float(BINS[place[1]]),
            n=int(self.n[place]),
            expected=float(self.expected[place]),
            happened=float(self.happened[place]),
            standard_errors=float(errors[place]),
        )

    def p_value(self, most_blocks: int, doublings: int = 0) -> float:
        """Test all cells together, valid at every look.

        Args:
            most_blocks: how many blocks there can be at once; those that do not
                exist yet are bets that have not begun.
            doublings: how often blocks have been made twice as wide. Each width is a
                set of bets of its own; the one after k doublings has a share of
                2 ** -(k + 1) in the mean, so that all of them may be looked at in turn.
        """
        stake = STAKES[:, None, None]
        # Bennett: E exp(t x) <= exp((e^|t| - |t| - 1) v) for |x| <= 1 of variance v
        # (Howard et al. 2020, table 3).
        cost = np.expm1(np.abs(stake)) - np.abs(stake)
        logs = stake * (self.happened - self.expected) - cost * self.variance
        not_begun = (most_blocks - self.n.shape[0]) * BINS.size * STAKES.size
        # Bets that have not begun have a capital of 1 each; the mean is over all bets.
        top = max(0.0, float(logs.max(initial=0.0)))
        total = float(np.exp(logs - top).sum()) + not_begun * math.exp(-top)
        log_mean = top + math.log(total / (most_blocks * BINS.size * STAKES.size))
        return math.exp(min(0.0, (doublings + 1) * math.log(2) - log_mean))


def _added(
    total: FloatArray, block: npt.NDArray[np.int64], part: FloatArray
) -> FloatArray:
    np.add.at(total, block, part)
    return total
