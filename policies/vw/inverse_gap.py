"""From predicted costs in deviations to probabilities.

Owns inverse-gap weighting of kind `vw` with the running scale: in floats, since arrays
of a few actions cost more than they save.
"""

import math
from collections.abc import Sequence

import numpy as np

from policies.base import PolicyError


def inverse_gap(
    costs: Sequence[float], gamma_scale: float, learned_count: int
) -> list[float]:
    """Return 1 / (K + gamma * gap) for each but the best, which has the rest.

    gamma is gamma_scale * sqrt(K * learned_count), so that exploration fades; a gap is
    the cost less the least cost, in deviations of the reward.

    Raises:
        PolicyError: a cost is not finite.

    References:
        Foster and Rakhlin (2020), SquareCB, Theorem 1; Abe and Long (1999).
    """
    least = min(costs)
    if not math.isfinite(sum(costs)):
        raise PolicyError(
            "the model returned a cost that is not a finite number: its state is "
            "broken; train it from the log again"
        )
    count = len(costs)
    gamma = gamma_scale * math.sqrt(count * learned_count)
    shares = [1.0 / (count + gamma * (cost - least)) for cost in costs]
    best = costs.index(least)
    shares[best] = 0.0
    shares[best] = 1.0 - math.fsum(shares)
    return shares


def inverse_gaps(
    costs: Sequence[float],
    lengths: Sequence[int],
    gamma_scale: float,
    learned_count: int,
) -> list[list[float]]:
    """Return what `inverse_gap` returns for each list, bit by bit.

    Args:
        costs: of all lists, one after the other.
        lengths: of each list.
        gamma_scale, learned_count: as there.

    Raises:
        PolicyError: a cost is not finite.
    """
    if len(set(lengths)) > 1 or not math.isfinite(sum(costs)):
        found: list[list[float]] = []
        at = 0
        for length in lengths:
            own = costs[at : at + length]
            found.append(inverse_gap(own, gamma_scale, learned_count))
            at += length
        return found
    count = lengths[0]
    gamma = gamma_scale * math.sqrt(count * learned_count)
    table = np.array(costs).reshape(-1, count)
    gaps = table - table.min(axis=1)[:, None]
    shares: list[list[float]] = (1.0 / (count + gamma * gaps)).tolist()
    for own, best in zip(shares, table.argmin(axis=1).tolist(), strict=True):
        own[best] = 0.0
        # Not an array's sum, whose last bit may differ.
        own[best] = 1.0 - math.fsum(own)
    return shares
