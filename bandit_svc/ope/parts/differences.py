"""Compare two groups in each of several parts of the traffic.

Owns which of the differences are real, and their intervals at the level at which they
were found; sequences/discoveries.py has the rule, and uplift/by_unit.py the errors by
unit. A part must be told by what came before a decision, never by what followed it.
"""

from dataclasses import dataclass, replace

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT, boundary
from bandit_svc.ope.sequences.discoveries import (
    TUNED_FOR,
    count_discoveries,
    log_e_value,
)
from bandit_svc.ope.uplift import money
from bandit_svc.ope.uplift.by_unit import Possible, absolute, squared_error
from bandit_svc.ope.uplift.totals import Totals


@dataclass(frozen=True, slots=True, eq=False)
class PartDifferences:
    """The differences of the groups' means in m parts, at one look or at many.

    Attributes:
        difference: (..., m), mean(treatment) - mean(baseline).
        squared_error: (..., m), squared standard errors, above 0.
        n: (..., m), the counts at which the boundary is taken, at least 1.
        shown: (..., m), false while a part has too few rewards for an interval. It
            can't be discovered, and counts among the m.
    """

    difference: FloatArray
    squared_error: FloatArray
    n: FloatArray
    shown: BoolArray

    def discoveries(self, risk: float) -> IntArray:
        """Return (...,), how many of the differences are real.

        Args:
            risk: the largest expected share of false ones among them, in (0, 1).
        """
        return count_discoveries(self._log_e_values(), risk)

    def discovered(self, risk: float) -> BoolArray:
        """Return (..., m), true for the differences that are real."""
        found = np.maximum(self.discoveries(risk), 1)[..., np.newaxis]
        return np.asarray(self._log_e_values() >= np.log(self._m / (risk * found)))

    def confidence(self, risk: float) -> FloatArray:
        """Return (...,), the confidence of each interval: 1 - risk k / m.

        k is the number of discoveries, 1 where there is none.
        """
        return 1 - risk * np.maximum(self.discoveries(risk), 1) / self._m

    def half_width(self, confidence: float) -> FloatArray:
        """Return (..., m), the half widths of the intervals; infinite if not shown."""
        half = boundary(self.n, confidence, TUNED_FOR)
        half = half * np.sqrt(self.n * self.squared_error)
        return np.where(self.shown, half, np.inf)

    @property
    def _m(self) -> int:
        return max(int(self.difference.shape[-1]), 1)

    def _log_e_values(self) -> FloatArray:
        log_e = log_e_value(self.difference, self.squared_error, self.n)
        return np.where(self.shown, log_e, -np.inf)


def part_differences(
    totals: Totals, weighting: int, risk: float, possible: Possible
) -> PartDifferences:
    """Return the differences by unit in each part.

    Args:
        totals: of the parts, side by side in the last dimension; looks and logs come
            before that.
        weighting: as in by_unit.py.
        risk: of all parts together; variances are padded, and bounds for money taken,
            at the strictest level that may be asked, that of one discovery.
        possible: the reward and its declared range.
    """
    strictest = 1 - risk / max(totals.units.shape[-1], 1)
    # The e-values are of one mixture, whatever end the experiment is planned to have.
    possible = replace(possible, tightest_at=OPTIMISED_COUNT)
    found = absolute(totals, weighting, strictest, possible)
    difference = np.nan_to_num(found.estimate)
    n = np.maximum(totals.decisions.sum(axis=-1), 1.0)
    if possible.is_money:
        # The error whose boundary at the strictest level is the wider side.
        half = np.maximum(difference - found.lower, found.upper - difference)
        error = (half / boundary(n, strictest, TUNED_FOR)) ** 2 / n
    else:
        error = squared_error(totals, weighting, strictest, possible)
    return PartDifferences(
        difference=difference,
        squared_error=np.maximum(error, money.LEAST),
        n=n,
        shown=found.enough,
    )
