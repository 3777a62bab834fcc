"""Choose what betting.py bets on for a policy's value.

Owns the pivots, their bets, and how much is staked on each.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.sequences.bets import Bets

PIVOTS = ((0.0, 0.6, 0.1), (0.5, 0.2, 0.25), (1.0, 0.2, 0.5))
"""Pivot c, its chance, and the typical variance of w (r - c) per unit of max weight.

Since mean(w) is 1, w (r - c) + c has the same mean for each c, and the less variance
the nearer c is to the rewards. Rare rewards are common, so 0 gets most.
"""
UNKNOWN_MAX_WEIGHT = 10.0
"""What bets are sized for where no largest weight is known."""


class Side(NamedTuple):
    """Pivots and bets of one end, (J,) both."""

    pivots: FloatArray
    bets: Bets


@cache
def sides_of(max_weight: float) -> tuple[Side, Side]:
    """Give those of the lower and of the upper end; few largest weights ever come."""
    return _side(max_weight, upwards=True), _side(max_weight, upwards=False)


def _side(max_weight: float, *, upwards: bool) -> Side:
    """Give pivots and bets, (J,), for rewards as they are, or turned upside down.

    With pivot c, w (r - c) + max_weight c is never negative; its mean is the value
    plus (max_weight - 1) c.
    """
    mirrored = [(c if upwards else 1 - c, share, v) for c, share, v in PIVOTS]
    if not math.isfinite(max_weight):
        # Only w r and w (1 - r) are bounded by what is known, at 0.
        variance = next(v for c, _, v in mirrored if c == 0)
        bets = Bets.around(variance * UNKNOWN_MAX_WEIGHT)
        return Side(np.zeros(bets.size.size), bets)
    if max_weight == 1:
        # All weights are 1, and then all pivots are the same.
        bets = Bets.around(PIVOTS[0][2])
        return Side(np.zeros(bets.size.size), bets)
    parts = [
        (share, Bets.around(v * max_weight, (max_weight - 1) * c))
        for c, share, v in mirrored
    ]
    each = parts[0][1].size.size
    return Side(np.repeat([c for c, _, _ in mirrored], each), Bets.joined(parts))
