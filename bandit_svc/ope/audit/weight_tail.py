"""Estimate how heavy the tail of the weights is.

Owns the Pareto tail index k: moments of order above 1 / k do not exist. It is
estimated from the largest weights of one log, so results of two logs can't be merged.
"""

import math

import numpy as np

from bandit_svc.ope.arrays import FloatArray

MINIMAL_TAIL = 5
LEAST_COUNT = 5 * (MINIMAL_TAIL - 1) + 1
"""Number of weights needed; the largest fifth of fewer is below MINIMAL_TAIL."""
PRIOR_INDEX = 0.5
PRIOR_COUNT = 10


def tail_index(weight: FloatArray) -> float | None:
    """Fit a generalised Pareto distribution to the largest weights.

    Of n weights the M = min(n / 5, 3 sqrt(n)) largest are used, as exceedances over
    the next one; the fit is drawn towards PRIOR_INDEX as if by PRIOR_COUNT more.

    Args:
        weight: (n,), above 0.

    Returns:
        k; None if fewer than MINIMAL_TAIL different exceedances above 0 are left.

    References:
        Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance
        sampling", JMLR 25; Zhang and Stephens (2009), "A new and efficient estimation
        method for the generalized Pareto distribution", Technometrics 51, eqs. (7)
        to (10).
    """
    n = weight.size
    # The tail's size in Pareto smoothed importance sampling, Vehtari et al. (2024).
    count = math.ceil(min(n / 5, 3 * math.sqrt(n)))
    if n <= count:
        return None
    ordered = np.sort(weight)
    over = ordered[n - count :] - ordered[n - count - 1]
    over = over[over > 0]
    if np.unique(over).size < MINIMAL_TAIL:
        return None
    m = over.size
    # Zhang and Stephens (2009), eqs. (7) to (10): a grid of theta around its likely
    # size, weighted by the profile likelihood.
    grid = 30 + int(math.sqrt(m))
    steps = np.arange(1, grid + 1) - 0.5
    quartile = over[int(m / 4 + 0.5) - 1]
    theta = 1 / over[-1] + (1 - np.sqrt(grid / steps)) / (3 * quartile)
    index = np.log1p(-theta[:, None] * over).mean(axis=1)
    profile = m * (np.log(-theta / index) - index - 1)
    chances = np.exp(profile - profile.max())
    best = float((theta * chances).sum() / chances.sum())
    # Given theta, the likelihood is maximal at this k, the mean of log(1 - theta x).
    k = float(np.log1p(-best * over).mean())
    # The weakly informative prior of Vehtari et al. (2024).
    return float((m * k + PRIOR_COUNT * PRIOR_INDEX) / (m + PRIOR_COUNT))
