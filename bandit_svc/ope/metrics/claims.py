"""Find which of many metrics differ between two groups, at every look.

Owns the e-value of a difference that is told by a band. The half width of a band is a
standard error times the boundary of its confidence; so the band tells that error,
padding, design effect and money's unlike sides included, and
sequences/discoveries.py turns it into the e-value of Robbins' mixture against a
difference of 0. Bands are taken at the strictest confidence that e-BH may ask of m
metrics, 1 - risk / m, as the padding is for that. Metrics of the same decisions depend
on one another, which e-BH allows.
"""

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT, boundary
from bandit_svc.ope.sequences.discoveries import count_discoveries, log_e_value
from bandit_svc.ope.uplift.by_unit import Band
from bandit_svc.ope.uplift.money import LEAST


def band_log_e_value(
    band: Band,
    n: FloatArray,
    confidence: float,
    tightest_at: float = OPTIMISED_COUNT,
) -> FloatArray:
    """Return the logarithm of the e-value; minus infinity while nothing is shown.

    Args:
        band: of a difference, at `confidence`.
        n: the count at which its boundary was taken, at least 1.
        confidence: in (0, 1).
        tightest_at: the count at which that boundary is tightest.
    """
    known = band.enough & np.isfinite(band.estimate)
    difference = np.where(known, np.nan_to_num(band.estimate), 0.0)
    # The wider side: where sides are unlike, the e-value is the smaller one.
    half = np.maximum(difference - band.lower, band.upper - difference)
    half = np.where(known & np.isfinite(half), half, np.inf)
    at = boundary(n, confidence, tightest_at=tightest_at)
    error = (np.maximum(half, LEAST) / at) ** 2 / n
    return np.where(np.isfinite(error), log_e_value(difference, error, n), -np.inf)


def claimed(log_e_values: FloatArray, risk: float) -> np.ndarray:
    """Return which of the m metrics along the last axis e-BH claims.

    Args:
        log_e_values: (..., m).
        risk: the largest expected share of false ones among the claimed ones.
    """
    m = max(int(log_e_values.shape[-1]), 1)
    found = count_discoveries(log_e_values, risk)[..., np.newaxis]
    enough = log_e_values >= np.log(m / (risk * np.maximum(found, 1)))
    return np.asarray((found > 0) & enough)
