"""Compare two groups in each of several parts of the traffic.

Owns which of the differences are real, and their intervals at the level at which they
were found; sequences/discoveries.py has the rule. Needs units assigned at random, as
uplift.py does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import BoolArray, FloatArray, IntArray
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, boundary, padded_variance
from bandit_svc.ope.sequences.discoveries import (
    TUNED_FOR,
    count_discoveries,
    log_e_value,
)
from bandit_svc.ope.uplift.moments import Moments


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
    treatment: Sequence[Moments], baseline: Sequence[Moments], risk: float, width: float
) -> PartDifferences:
    """Return the differences from sums of independent rewards.

    Args:
        treatment: rewards of the treatment group, one entry a part.
        baseline: likewise, in the same order.
        risk: of all parts together; the variance is padded for the strictest level
            that may be asked, that of one discovery.
        width: the largest possible reward minus the smallest.
    """
    return differences_over(_columns(treatment), _columns(baseline), risk, width)


def differences_over(
    treatment: FloatArray, baseline: FloatArray, risk: float, width: float
) -> PartDifferences:
    """Return the differences at each look.

    Args:
        treatment: (3, ..., m), of the treatment's rewards their number, their mean and
            their variance in each of m parts; looks and logs side by side before that.
        baseline: likewise.
        risk: as for `part_differences`.
        width: likewise.
    """
    strictest = 1 - risk / max(treatment.shape[-1], 1)
    error = np.zeros_like(treatment[0])
    for n, _, variance in (treatment, baseline):
        some = np.maximum(n, 1.0)
        error += padded_variance(some, variance, width, strictest) / some
    return PartDifferences(
        difference=treatment[1] - baseline[1],
        squared_error=error,
        n=np.maximum(treatment[0] + baseline[0], 1.0),
        shown=np.minimum(treatment[0], baseline[0]) >= MINIMAL_COUNT,
    )


def _columns(moments: Sequence[Moments]) -> FloatArray:
    rows = [(m.n, m.mean, m.variance) if m.n else (0, 0.0, 0.0) for m in moments]
    return np.array(rows, dtype=np.float64).reshape(-1, 3).T
