"""From estimates to probabilities: inverse-gap weighting in deviations of the noise.

Owns the one explorer of `auto`. Knows nothing of contexts or models.
"""

import math

import numpy as np

from policies.auto.columns import Floats

POWER = 0.65
"""Of the examples in gamma; .5 is the theory's for a known horizon."""


def inverse_gap(
    means: Floats, noise: float, learned_count: float, gamma_scale: float
) -> list[float]:
    """Return 1 / (K + gamma * gap) for each action but the best, which has the rest.

    Args:
        means: shape (K,), expected rewards less any constant.
        noise: deviation of a reward; 0 before any two rewards differ.
        learned_count: examples that the estimates come from.
        gamma_scale: a larger one explores less.

    References:
        Foster and Rakhlin (2020), SquareCB; Abe and Long (1999).
    """
    n_actions = len(means)
    if noise <= 0.0:
        return [1.0 / n_actions] * n_actions
    # Theorem 1 of Foster and Rakhlin has gamma proportional to sqrt(K T).
    gamma = gamma_scale * math.sqrt(n_actions) * learned_count**POWER
    best = int(means.argmax())
    shares = (gamma / noise) * (means[best] - means)
    shares += n_actions
    np.reciprocal(shares, out=shares)
    # The best action has what the others leave, so that the shares sum to 1.
    shares[best] = 0.0
    shares[best] = 1.0 - shares.sum()
    pmf: list[float] = shares.tolist()
    return pmf


def inverse_gaps(
    means: Floats, noise: float, learned_count: float, gamma_scale: float
) -> list[list[float]]:
    """Return what `inverse_gap` returns for each row, bit by bit.

    Args:
        means: shape (lists, K), in C order.
        noise, learned_count, gamma_scale: as there.
    """
    n_lists, n_actions = means.shape
    if noise <= 0.0:
        return [[1.0 / n_actions] * n_actions for _ in range(n_lists)]
    gamma = gamma_scale * math.sqrt(n_actions) * learned_count**POWER
    each, best = np.arange(n_lists), means.argmax(axis=1)
    shares = (gamma / noise) * (means[each, best][:, None] - means)
    shares += n_actions
    np.reciprocal(shares, out=shares)
    shares[each, best] = 0.0
    shares[each, best] = 1.0 - shares.sum(axis=1)
    pmfs: list[list[float]] = shares.tolist()
    return pmfs
