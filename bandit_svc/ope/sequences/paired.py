"""Bound the difference of two policies' values on the same decisions.

Owns the confidence sequence of a paired difference, which holds at every look. With
D(a) = (pi(a) - pi'(a)) / p(a), p the logged chances, r the reward in [0, 1] and v the
half of the sum over actions of |pi - pi'|, the mean of

    |D| s - v,    s = r where D > 0, else 1 - r

given the past and the context is the difference of the two values: the mean of |D|
where D < 0 is v. Nothing in it is below -v, however large weights can be: where both
policies would do the same it is 0, and the difference is never put outside of -v to v,
which is known. For bets on D r itself the largest weight would count instead.

A reward model's q, asked before the round, takes away variance: with t = q where
D > 0, else 1 - q, the mean of  sum of p |D| t - |D| t  is 0, and with all of it the
term is the doubly robust D (r - q) + sum of (pi - pi') q. As in corrected.py, each
bet takes only as much of it in a round as can't cost it more than LARGEST_LOSS of its
capital, which is known before the action is drawn. The upper end is the lower end of
the opposite difference.

What is bounded is the mean, over the decisions so far, of the difference in the
contexts that came. See bets.py for why changing means are covered.

Reference: Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro (2022), "Anytime-valid
off-policy inference for contextual bandits", ACM/IMS J. Data Science, section 3, for
doubly robust terms and bets; the reflection of the negative part is ours.
"""

import struct
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.bets import Bets

LARGEST_LOSS = 0.6
VARIANCE_SHARE = 0.05
"""The variance that bets are sized for, per unit of the usual largest weight.

Policies that disagree everywhere have terms of a variance of 0.1 of it, similar ones of
0.001; a variance wrong by a factor of 50 costs a few percent of width (see bets.py)."""
CHUNK = 128
"""Rounds whose logarithms are taken at a time."""
_HEAD = struct.Struct("<dqdd")


class Term(NamedTuple):
    """One round, turned so that nothing in it is negative.

    Attributes:
        weight: |D| of the chosen action.
        reward: s.
        predicted: t of the chosen action.
        direct: the sum of p |D| t over all actions.
        peak: the largest |D| t of all actions.
        distance: v.
    """

    weight: float
    reward: float
    predicted: float
    direct: float
    peak: float
    distance: float

    @property
    def value(self) -> float:
        """The doubly robust term, whose mean is the difference."""
        surprise = self.reward - self.predicted
        return self.weight * surprise + self.direct - self.distance


def paired_terms(
    pmfs: tuple[Sequence[float], Sequence[float]],
    logged: Sequence[float],
    predicted: Sequence[float],
    chosen: int,
    reward: float,
) -> tuple[Term, Term]:
    """Return the terms of a round for pi less pi', and for pi' less pi.

    Args:
        pmfs: pi and pi', (K,) each.
        logged: (K,), the pmf that the action was drawn from, all above 0.
        predicted: (K,), q in [0, 1], predicted before the reward was known.
        chosen: index of the drawn action.
        reward: in [0, 1].
    """
    # Each action adds |pi - pi'| t to the first direction and |pi - pi'| (1 - t) to the
    # mirrored one, whose rewards are 1 - s.
    direct = opposite = distance = peak = opposite_peak = 0.0
    for mine, other, chance, q in zip(*pmfs, logged, predicted, strict=True):
        more = mine - other
        size = abs(more)
        t = q if more > 0 else 1 - q
        distance += size / 2
        direct += size * t
        opposite += size * (1 - t)
        peak = max(peak, size * t / chance)
        opposite_peak = max(opposite_peak, size * (1 - t) / chance)
    more = pmfs[0][chosen] - pmfs[1][chosen]
    weight, q = abs(more) / logged[chosen], predicted[chosen]
    s, t = (reward, q) if more > 0 else (1 - reward, 1 - q)
    return (
        Term(weight, s, t, direct, peak, distance),
        Term(weight, 1 - s, 1 - t, opposite, opposite_peak, distance),
    )


def paired_rows(
    pmfs: tuple[FloatArray, FloatArray],
    logged: FloatArray,
    predicted: FloatArray,
    chosen: IntArray,
    reward: FloatArray,
) -> FloatArray:
    """Return what `paired_terms` does, of n rounds: (2, n, 6), as fields of Term.

    Args:
        pmfs: pi and pi', (n, K) each.
        logged: (n, K); an action of chance 0 was not eligible and counts nowhere.
        predicted: (n, K), q in [0, 1].
        chosen: (n,), indices of the drawn actions, of a chance above 0.
        reward: (n,), in [0, 1].
    """
    eligible = logged > 0
    more = np.where(eligible, pmfs[0] - pmfs[1], 0.0)
    size, chance = np.abs(more), np.where(eligible, logged, 1.0)
    t = np.where(more > 0, predicted, 1 - predicted)
    at = np.arange(chosen.size), chosen
    upwards = more[at] > 0
    s = np.where(upwards, reward, 1 - reward)
    distance, weight = _added(size) / 2, size[at] / chance[at]
    sides = [
        [weight, s, t[at], _added(size * t), (size * t / chance).max(axis=1), distance],
        [
            *(weight, 1 - s, 1 - t[at], _added(size * (1 - t))),
            *((size * (1 - t) / chance).max(axis=1), distance),
        ],
    ]
    return np.array(sides).transpose(0, 2, 1)


def _added(values: FloatArray) -> FloatArray:
    """Return sums over the last axis that don't depend on zeros at its end."""
    return np.asarray(np.cumsum(values, axis=1)[:, -1])


class PairedDifference:
    """The mean difference of two policies' values, at every look.

    Attributes:
        n: rounds so far.
    """

    def __init__(self, typical_weight: float) -> None:
        """Start without any round.

        Args:
            typical_weight: the usual largest weight, K / f, that bets are sized for.
                If it is wrong, the interval is wider and still valid.

        Raises:
            LoggedDataError: it is not above 0.
        """
        if not typical_weight > 0:
            raise LoggedDataError(
                f"typical_weight is {typical_weight}; it must be above 0"
            )
        self._typical_weight = typical_weight
        self._bets = _bets(typical_weight)
        self._sides = (_Side(self._bets), _Side(self._bets))
        self.n = 0
        self._total = self._distance = 0.0

    def add(self, terms: tuple[Term, Term]) -> None:
        """Add a round; see `paired_terms`."""
        self.n += 1
        self._total += terms[0].value
        self._distance += terms[0].distance
        for side, term in zip(self._sides, terms, strict=True):
            side.add(term)

    def add_rows(self, rows: FloatArray) -> None:
        """Add rounds in their order; see `paired_rows`.

        The same bits as one by one, however they are batched.
        """
        for side, terms in zip(self._sides, rows, strict=True):
            side.add_rows(terms)
        weight, reward, predicted, direct, _, distance = rows[0].T
        values = weight * (reward - predicted) + direct - distance
        self.n += rows.shape[1]
        self._total = float(np.cumsum(np.r_[self._total, values])[-1])
        self._distance = float(np.cumsum(np.r_[self._distance, distance])[-1])

    def to_bytes(self) -> bytes:
        """Return the sums as bytes, of a length that does not grow."""
        sums = np.concatenate([side.sums for side in self._sides])
        head = _HEAD.pack(self._typical_weight, self.n, self._total, self._distance)
        return head + sums.astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "PairedDifference":
        """Restore what `to_bytes` returned, to the last bit.

        Raises:
            LoggedDataError: the bytes are not such sums.
        """
        if len(stored) < _HEAD.size:
            raise LoggedDataError(
                f"{len(stored)} bytes hold no paired difference; it has at least "
                f"{_HEAD.size}"
            )
        typical, n, total, distance = _HEAD.unpack_from(stored)
        one = cls(typical)
        one.n, one._total, one._distance = n, total, distance
        numbers = np.frombuffer(stored, dtype="<f8", offset=_HEAD.size)
        if numbers.size != 2 * one._bets.size.size:
            raise LoggedDataError(
                f"a paired difference holds {numbers.size} sums; "
                f"{2 * one._bets.size.size} are expected"
            )
        for side, sums in zip(one._sides, np.split(numbers, 2), strict=True):
            side.sums = sums.astype(np.float64)
        return one

    @property
    def mean(self) -> float:
        """The doubly robust estimate; 0 before any round."""
        return self._total / self.n if self.n else 0.0

    def interval(self, confidence: float) -> Interval:
        """Bound the mean difference; -1 to 1 before any round.

        If the two sides contradict each other, the interval is what is known without
        rewards: minus and plus the mean of v.
        """
        if not self.n:
            return Interval(-1.0, 1.0)
        # The two values differ by at most the mean total variation distance v.
        known = min(1.0, self._distance / self.n)
        below, above = (
            side.least_mean(self.n, (1 - confidence) / 2, 2 * known) - known
            for side in self._sides
        )
        if below > -above:
            return Interval(-known, known)
        return Interval(below, -above)


def expected_below(
    typical_weight: float,
    rows: FloatArray,
    chances: FloatArray,
    n: FloatArray,
    confidence: float,
) -> FloatArray:
    """Return the lower end after n rounds whose sums are what is expected of them.

    For planning: the logarithms of the bets grow by their mean in each round.

    Args:
        typical_weight: as for PairedDifference.
        rows: (2, outcomes, 6), what `paired_rows` returns of each possible outcome.
        chances: (outcomes,), of each in a round; their sum is 1.
        n: (looks,), counts of rounds.
        confidence: of the interval, in (0, 1).
    """
    bets = _bets(typical_weight)
    mean = np.zeros(bets.size.size)
    for outcome, chance in enumerate(chances.tolist()):
        side = _Side(bets)
        side.add_rows(rows[0, outcome : outcome + 1])
        mean = mean + chance * side.sums
    known = min(1.0, float(chances @ rows[0, :, -1]))
    risk = (1 - confidence) / 2
    return bets.refuted_below(n[:, None] * mean, n, 2 * known, risk) - known


class _Side:
    """The lower end of the mean of |D| s, as sums of the bets' logarithms."""

    def __init__(self, bets: Bets) -> None:
        self._bets = bets
        self._sums: FloatArray = np.zeros(bets.size.size)
        # Logarithms are cheaper in chunks. They are added round after round, so that no
        # bit depends on where a chunk or a batch ends.
        self._waiting: list[Term] = []

    @property
    def sums(self) -> FloatArray:
        """(J,), over all rounds so far."""
        self._count()
        return self._sums

    @sums.setter
    def sums(self, sums: FloatArray) -> None:
        self._sums = sums

    def add(self, term: Term) -> None:
        self._waiting.append(term)
        if len(self._waiting) == CHUNK:
            self._count()

    def add_rows(self, rows: FloatArray) -> None:
        """Add rounds, (n, 6)."""
        self._count()
        for start in range(0, rows.shape[0], CHUNK):
            self._sums = self._with(rows[start : start + CHUNK])

    def least_mean(self, n: int, risk: float, largest: float) -> float:
        """Return the mean up to which all are refuted, from 0 to `largest`."""
        count = np.array([float(n)])
        found = self._bets.refuted_below(self.sums[None], count, largest, risk)
        return float(found[0])

    def _count(self) -> None:
        if self._waiting:
            self._sums = self._with(np.array(self._waiting))
            self._waiting.clear()

    def _with(self, rows: FloatArray) -> FloatArray:
        weight, reward, predicted, direct, peak, _ = rows.T[..., None]
        # As in corrected.py: what the correction can cost, known before the draw.
        room = np.maximum(peak - direct, 0.0)
        taken = LARGEST_LOSS / np.maximum(self._bets.size * room, LARGEST_LOSS)
        values = weight * reward + taken * (direct - weight * predicted)
        logs = np.concatenate([self._sums[None], self._bets.logs(values)])
        return np.asarray(np.cumsum(logs, axis=0)[-1])


@cache
def _bets(typical_weight: float) -> Bets:
    return Bets.around(VARIANCE_SHARE * typical_weight)
