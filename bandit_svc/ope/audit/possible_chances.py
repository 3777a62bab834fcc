"""Bet that logged propensities, with nothing else, can't come from any pmf.

Owns the bet of the propensity audit that needs neither pmf, floor, contexts nor the
number of actions. Let each propensity p have a prize c(p) / p. Whatever the pmf was,
the mean prize is then the sum of c over its actions, so at most

    M = max { sum of c(p_a) : p_a > 0, sum of p_a <= 1 },

the most valuable set of actions that fit into a whole: a knapsack. An argmax that
decides while a softmax is logged shows 0.81, 0.51, 0.46 and nothing else, where each of
them leaves a rest that would have occurred too. Factors 1 - s + s c(p) / (p M) have a
mean of at most 1 for a true log, so their product is a bet as in propensity_audit.py.

Prizes are chosen from earlier rounds, by how often each p occurred against how often it
could at most: the mixture of pmfs nearest to the rounds (in relative entropy), found by
the method of Frank and Wolfe (1956), whose every step is one knapsack. By duality no
prizes win faster: Larsson, Ramdas and Ruf (2025), "The numeraire e-variable and reverse
information projection", Annals of Statistics 53(3).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray

CELLS = 2_000
"""Propensities are taken as up to 2 / CELLS smaller than logged. So more of them fit,
and a true log is not refuted, also if its numbers were rounded to three digits."""
LEAST = CELLS // 10
"""Smaller propensities get no prize: so many of them fit that nothing is surprising."""
MOST_PRIZES = 24
"""Only the most frequent propensities get one, to bound the time."""
STEPS = 100
SHARES = np.array([0.1, 0.5, 0.9])
FIRST_CHOICE = 250
"""Prizes are chosen after so many rounds, and anew whenever their count doubled."""


@dataclass(frozen=True, slots=True)
class PossibleChances:
    """Counts of the propensities so far, and the prizes chosen from them.

    Attributes:
        counts: (CELLS + 1,), rounds by rounded propensity.
        due: the count of rounds at which prizes are chosen next.
        prizes: (CELLS + 1,), c / M; 0 everywhere before the first choice.
    """

    counts: FloatArray = field(default_factory=lambda: np.zeros(CELLS + 1))
    due: int = FIRST_CHOICE
    prizes: FloatArray = field(default_factory=lambda: np.zeros(CELLS + 1))

    def won(self, propensity: FloatArray) -> FloatArray:
        """Return the logarithms of the capital won in further rounds, (J,)."""
        if not self.prizes.any():
            return np.zeros(SHARES.size)
        prize = self.prizes[_cells(propensity)] / propensity
        total: FloatArray = np.log1p(SHARES * (prize[:, None] - 1)).sum(axis=0)
        return total

    def add(self, propensity: FloatArray) -> "PossibleChances":
        """Add further rounds, after they were bet on."""
        came = np.bincount(_cells(propensity), minlength=CELLS + 1)
        counts = self.counts + came
        n = int(counts.sum())
        if n < self.due:
            return replace(self, counts=counts)
        return PossibleChances(counts, 2 * n, _chosen(counts / n))


def _cells(propensity: FloatArray) -> IntArray:
    # One less than rounding down gives, for logs that were rounded to three digits.
    return np.clip((propensity * CELLS).astype(np.int64) - 1, 0, CELLS)


def _chosen(share: FloatArray) -> FloatArray:
    """Choose prizes for propensities of these shares of the rounds, (CELLS + 1,)."""
    often = np.argsort(share[LEAST:], kind="stable")[::-1][:MOST_PRIZES] + LEAST
    cells = np.sort(often[share[often] > 0])
    prizes = np.zeros(CELLS + 1)
    if cells.size == 0:
        return prizes
    came, chance = share[cells], cells / CELLS
    # The start of the Frank-Wolfe iterations: each propensity alone, as often as fits.
    possible = came * chance * (CELLS // cells)
    knapsack = _Knapsack(cells)
    for step in range(STEPS):
        _, held = knapsack.filled(came / possible * chance)
        # The step size of Frank and Wolfe, 2 / (t + 2) with t from 1.
        pace = 2 / (step + 3)
        possible = np.maximum((1 - pace) * possible + pace * held * chance, 1e-12)
    worth = came / possible * chance
    prizes[cells] = worth / knapsack.filled(worth)[0]
    return prizes


class _Knapsack:
    """A knapsack of CELLS for any number of each of a few kinds of items."""

    def __init__(self, cells: IntArray) -> None:
        """Take the size of an item of each kind, (I,)."""
        self._cells = cells
        least = int(cells.min())
        # A place depends on places at least `least` before it, so that many are
        # computed at once. An item that does not fit refers to a last place of value
        # -infinity.
        self._steps = []
        for start in range(least, CELLS + 1, least):
            places = np.arange(start, min(start + least, CELLS + 1))
            left = places - cells[:, None]
            self._steps.append((places, np.where(left >= 0, left, CELLS + 1)))

    def filled(self, worth: FloatArray) -> tuple[float, FloatArray]:
        """Return the largest total, and the number of items of each kind in it, (I,).

        Args:
            worth: (I,), the value of one item of each kind.
        """
        best, apiece = np.zeros(CELLS + 2), worth[:, None]
        best[-1] = -np.inf
        for places, left in self._steps:
            totals = (best[left] + apiece).max(axis=0)
            best[places[0] : places[-1] + 1] = np.maximum(totals, 0.0)
        held, room = np.zeros(self._cells.size), CELLS
        while best[room] > 0:
            left = room - self._cells
            kind = int(np.where(left >= 0, best[left] + worth, -1.0).argmax())
            held[kind] += 1
            room = int(left[kind])
        return float(best[CELLS]), held
