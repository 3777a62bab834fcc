"""Test whether what a unit finds depends on what it was shown before.

Owns the sums and the test behind the check of histories. Variants are drawn with known
chances. So if a later eligible set, or a later value of the context, does not depend on
the draw, the draw's surprise (1 for the variant drawn, less its chance) is not
correlated with it. With D the surprise of one variant, V = p (1 - p) its variance, and
b an event at the unit's next decision (this key has changed; this variant is not
eligible any more), over transitions in strata s,

    T = sum_s sum D (b - mean_s b),       variance  sum_s sum V (b - mean_s b)².

A stratum holds the transitions from one value, so that what follows from the value
alone (a counter of visits) is no event there: b does not vary. Draws decide which
units come back, which shifts the mean of D within a stratum, but not its covariance
with b. A dependence is found if T leaves the boundary of sequences/asymptotic.py at
RISK over all tests of the look, and the effect T / sum V, the difference that showing
the variant makes to the chance of the event, is at least LEAST_EFFECT: a slight one
biases nothing that matters.

When it is invalid: an effect that reaches a later decision only after the next one is
not seen. Only the first MOST_STRATA values of a key count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.sequences.asymptotic import boundary

RISK = 0.05
LEAST_EFFECT = 0.05
LEAST_INFORMATION = 2.0
"""Variance of T, in events, from which on the normal limit is trusted."""
MOST_STRATA = 32
_N, _EVENTS = 0, 1


@dataclass(frozen=True, slots=True)
class Dependence:
    """One finding.

    Attributes:
        event: the index of the event that depends.
        variant: the index of the variant whose draw it depends on.
        effect: the difference in the chance of the event.
    """

    event: int
    variant: int
    effect: float


class DrawSums:
    """Sums of transitions for several events and variants, by stratum.

    Attributes:
        counts: (S, 1 + B), transitions, and of those the number with each event.
        draws: (S, K, 2 + 2 B), sums of D, of V, of D b and of V b.
    """

    def __init__(self, counts: FloatArray, draws: FloatArray) -> None:
        self.counts = counts
        self.draws = draws

    @classmethod
    def empty(cls, variants: int, events: int) -> "DrawSums":
        """Return the sums of no transitions."""
        return cls(np.zeros((0, 1 + events)), np.zeros((0, variants, 2 + 2 * events)))

    @property
    def events(self) -> int:
        """The number of events, B."""
        return int(self.counts.shape[1]) - 1

    def add(
        self, stratum: IntArray, surprise: FloatArray, chance: FloatArray, b: FloatArray
    ) -> None:
        """Add transitions.

        Args:
            stratum: (n,), in 0 .. MOST_STRATA - 1.
            surprise: (n, K), 1 for the variant drawn and 0 else, less its chance.
            chance: (n, K), of each variant.
            b: (n, B), 1 where the event happened at the next decision.
        """
        size = max(int(stratum.max(initial=-1)) + 1, self.counts.shape[0])
        variants, events = self.draws.shape[1], self.events
        more = size - self.counts.shape[0]
        if more:
            self.counts = np.concatenate([self.counts, np.zeros((more, 1 + events))])
            added = np.zeros((more, variants, 2 + 2 * events))
            self.draws = np.concatenate([self.draws, added])
        # One row a transition, its stratum one of `size` columns.
        member = np.zeros((stratum.size, size))
        member[np.arange(stratum.size), stratum] = 1.0
        self.counts[:, _N] += member.sum(axis=0)
        self.counts[:, _EVENTS:] += member.T @ b
        spread = chance * (1 - chance)
        self.draws[:, :, 0] += member.T @ surprise
        self.draws[:, :, 1] += member.T @ spread
        for event in range(events):
            weighted = member.T * b[:, event]
            self.draws[:, :, 2 + event] += weighted @ surprise
            self.draws[:, :, 2 + events + event] += weighted @ spread

    def tests(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return T, its variance and the sum of V, (B, K) each."""
        b = self.events
        mean = self.counts[:, _EVENTS:] / np.maximum(self.counts[:, :1], 1)
        mean = mean.T[:, :, None]
        d, v = self.draws[:, :, 0], self.draws[:, :, 1]
        db = np.moveaxis(self.draws[:, :, 2 : 2 + b], 2, 0)
        vb = np.moveaxis(self.draws[:, :, 2 + b :], 2, 0)
        statistic = (db - mean * d).sum(axis=1)
        variance = (vb * (1 - 2 * mean) + mean**2 * v).sum(axis=1)
        return (
            statistic,
            np.maximum(variance, 0.0),
            np.broadcast_to(v.sum(axis=0), statistic.shape),
        )


def dependences(sums: Sequence[DrawSums]) -> list[list[Dependence]]:
    """Return what depends on which draws, for each of several sums, at any look.

    The risk of ever finding one where there is none is RISK, for all of them together,
    in the limit of many transitions.
    """
    found = [one.tests() for one in sums]
    tested = sum(int((v >= LEAST_INFORMATION).sum()) for _, v, _ in found)
    if not tested:
        return [[] for _ in sums]
    results = []
    for one, (statistic, variance, spread) in zip(sums, found, strict=True):
        n = max(float(one.counts[:, _N].sum()), 1.0)
        limit = boundary(n, 1 - RISK / tested) * np.sqrt(n * variance)
        effect = statistic / np.maximum(spread, 1e-12)
        strong = (variance >= LEAST_INFORMATION) & (np.abs(statistic) > limit)
        places = np.argwhere(strong & (np.abs(effect) >= LEAST_EFFECT))
        results.append(
            [Dependence(int(e), int(k), float(effect[e, k])) for e, k in places]
        )
    return results
