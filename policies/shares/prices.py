"""The prices that keep each variant's share of the decisions under its limit.

Owns how prices follow from a policy's pmfs of many decisions, and what they make of
one pmf. A price lambda >= 0 of variant v makes the served pmf q(v) proportional to
p(v) * exp(-lambda(v)). Of all changes of the pmfs that keep the limits, these are the
nearest ones to p in Kullback-Leibler divergence (Csiszar 1975), so that a variant is
taken away first where the policy hardly prefers it. Nothing here depends on which
variant was chosen, or on when its reward came.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from policies.base import Action
from policies.maximum import Floats

Choice = tuple[Sequence[Action], Sequence[float]]
"""The actions of one decision and the policy's pmf of them."""

UNIFORM = 1e-4
"""The share of uniform choice in a pmf that is changed. Where the policy is certain of
one variant, the others get what the price takes from it."""

_MOST_PRICE = 20.0
_LEAST_TARGET = 1e-6
_TOLERANCE = 1e-5
_MOST_STEPS = 300


class Prices:
    """Prices of the variants that have limits; none at first.

    Attributes:
        values: shape (V,), in the order of the limits.
    """

    def __init__(self, shares: Mapping[str, float], floor: float) -> None:
        self._shares = dict(shares)
        self._floor = floor
        self._columns = {key: column for column, key in enumerate(shares)}
        self._most = np.array(list(shares.values()))
        self.values: Floats = np.zeros(len(shares))
        self._factors: dict[str, float] = {}

    def applied(self, actions: Sequence[Action], pmf: list[float]) -> list[float]:
        """Return the pmf after the prices; the very same one where none is in force."""
        factors = self._factors
        if not factors:
            return pmf
        kept, each = 1.0 - UNIFORM, UNIFORM / len(pmf)
        priced = [
            (kept * probability + each) * factors.get(action.key, 1.0)
            for action, probability in zip(actions, pmf, strict=True)
        ]
        total = math.fsum(priced)
        return [one / total for one in priced]

    def alone(self, actions: Sequence[Action], pmf: list[float]) -> list[float]:
        """Return the nearest pmf of which each entry is under its own limit.

        For a policy that has seen no decisions from which prices could follow.
        """
        if self._floor >= 1.0:
            return pmf
        each = self._floor / len(pmf)
        most = [
            max(self._shares.get(action.key, 1.0) - each, 0.0) / (1.0 - self._floor)
            for action in actions
        ]
        if all(p <= m for p, m in zip(pmf, most, strict=True)):
            return pmf
        if math.fsum(most) <= 1.0:
            # The limits can't be kept among these; each has its part of the whole.
            total = math.fsum(most)
            return [m / total for m in most] if total else pmf
        smooth = [(1.0 - UNIFORM) * p + UNIFORM / len(pmf) for p in pmf]
        full: set[int] = set()
        while True:
            left = 1.0 - math.fsum(most[i] for i in full)
            among = math.fsum(p for i, p in enumerate(smooth) if i not in full)
            scale = left / among
            over = {
                i for i, p in enumerate(smooth) if i not in full and scale * p > most[i]
            }
            if not over:
                return [
                    most[i] if i in full else scale * p for i, p in enumerate(smooth)
                ]
            full |= over

    def solve(self, choices: Sequence[Choice]) -> None:
        """Bring the mean of these pmfs, with the floor, under each limit.

        Generalised iterative scaling (Darroch and Ratcliff 1972) with prices that stay
        at 0 or more. Each step lowers the convex dual; the prices of before begin.
        """
        if self._floor >= 1.0 or not choices:
            return
        limited, others, of_floor = self._columns_of(choices)
        target = (self._most - self._floor * of_floor) / (1.0 - self._floor)
        target = np.maximum(target, _LEAST_TARGET)
        prices = self.values
        for _ in range(_MOST_STEPS):
            shares = _mean_shares(limited, others, prices)
            steps = np.log(np.maximum(shares, _LEAST_TARGET**2) / target)
            moved = np.clip(prices + steps, 0.0, _MOST_PRICE)
            settled = np.abs(moved - prices).max() < _TOLERANCE
            prices = moved
            if settled:
                break
        self.replace(prices)

    def replace(self, prices: Floats) -> None:
        """Take other prices.

        Args:
            prices: shape (V,).
        """
        self.values = prices
        self._factors = {
            key: math.exp(-price)
            for key, price in zip(self._shares, prices, strict=True)
            if price > 0.0
        }

    def _columns_of(self, choices: Sequence[Choice]) -> tuple[Floats, Floats, Floats]:
        """Return what the limits need of the pmfs of N decisions.

        Returns:
            limited: shape (N, V), the part of each variant with a limit.
            others: shape (N,), what all others have together.
            of_floor: shape (V,), the mean of 1 / K where the variant was eligible.
        """
        limited = np.zeros((len(choices), len(self._shares)))
        others = np.zeros(len(choices))
        of_floor = np.zeros(len(self._shares))
        for row, (actions, pmf) in enumerate(choices):
            kept, each = 1.0 - UNIFORM, UNIFORM / len(actions)
            for action, probability in zip(actions, pmf, strict=True):
                column = self._columns.get(action.key)
                if column is None:
                    others[row] += kept * probability + each
                else:
                    limited[row, column] = kept * probability + each
                    of_floor[column] += 1.0 / len(actions)
        return limited, others, of_floor / len(choices)


def _mean_shares(limited: Floats, others: Floats, prices: Floats) -> Floats:
    """Return each limited variant's mean part of the priced pmfs.

    Args:
        limited: shape (N, V).
        others: shape (N,).
        prices: shape (V,).
    """
    # Sums by NumPy itself: those of BLAS depend on the number of threads.
    priced = limited * np.exp(-prices)
    totals = priced.sum(axis=1) + others
    shares: Floats = (priced / totals[:, None]).mean(axis=0)
    return shares
