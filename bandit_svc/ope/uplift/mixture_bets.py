"""Bound the uplift exactly where each decision draws a group of its own.

Owns the uplift of units that come once, or of decisions without a unit, by bets. Such a
decision is a draw from the mixture p = h pi_B + (1 - h) pi_T of both groups' policies,
whichever group it was in; so both values are estimated from all decisions, and their
paired difference (sequences/paired.py) is bounded at every look, for every n and
without a variance. With one decision a unit the weights pi / p are those of TRAJECTORY
in history_weights.py, at most 1 / h.

When it is invalid: as soon as a unit returns, which draws no group anew. With sessions
of 20 decisions the bets were wrong in 40 % of A/A runs. `Totals` counts units and
decisions; show bets only where the numbers are equal, and equal to the bets' own n:
decisions without logged chances can't be bet on. It also needs a bounded range.

Where no prediction is passed, the running mean reward before each decision is taken for
every action: it removes the part of the variance that the level of rewards makes.
"""

import struct
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.interval import Estimate, Interval
from bandit_svc.ope.sequences.paired import PairedDifference, paired_rows
from bandit_svc.ope.uplift.history_weights import CHANCE_DIGITS

DISAGREEMENT = 2.0
"""How many times the variance of policies that tune compares, per unit of the largest
weight, two groups' policies have: bets are sized for about 0.1 of 1 / h. For `vw` in
`hero` at a floor of 0.02, that made intervals 2 % narrower after 10,000 decisions."""
_HEAD = struct.Struct("<d")


@dataclass(frozen=True, slots=True, eq=False)
class MixtureDraws:
    """Decisions whose group was drawn for them alone.

    Attributes:
        treatment: (n, K), the treatment's pmf; 0 where an action was not eligible.
        baseline: (n, K), the baseline's pmf likewise.
        baseline_chance: (n,), h; decisions of a chance of 0 or 1 don't count.
        chosen: (n,), indices of the shown actions.
        reward: (n,), as a share of the declared range, in [0, 1].
        predicted: (n, K), rewards that a model predicted before, likewise; None for
            the running mean.
    """

    treatment: FloatArray
    baseline: FloatArray
    baseline_chance: FloatArray
    chosen: IntArray
    reward: FloatArray
    predicted: FloatArray | None = None

    def at(self, index: slice) -> "MixtureDraws":
        """Return some of the decisions."""
        return MixtureDraws(
            self.treatment[index],
            self.baseline[index],
            self.baseline_chance[index],
            self.chosen[index],
            self.reward[index],
            None if self.predicted is None else self.predicted[index],
        )


class MixtureBets:
    """The uplift of decisions that each drew a group, at every look."""

    def __init__(self, chance: float, start: float = 0.0) -> None:
        """Start without any decision.

        Args:
            chance: of the baseline group, that bets are sized for. If another one
                comes, the interval is wider and still valid.
            start: the mean reward before any, in [0, 1].
        """
        self._difference = PairedDifference(DISAGREEMENT / min(chance, 1 - chance))
        # One pseudo reward, so that there is a mean before the first decision.
        self._rewards = start

    @property
    def n(self) -> int:
        """Decisions that were bet on."""
        return self._difference.n

    def add(self, draws: MixtureDraws) -> None:
        """Add decisions in their order; the same bits however they are batched."""
        h = np.round(draws.baseline_chance, CHANCE_DIGITS)[:, None]
        logged = h * draws.baseline + (1 - h) * draws.treatment
        place = np.arange(draws.chosen.size)
        shown = logged[place, draws.chosen]
        usable = np.flatnonzero((h[:, 0] > 0) & (h[:, 0] < 1) & (shown > 0))
        reward = draws.reward[usable]
        totals = np.cumsum(np.r_[self._rewards, reward])
        level = totals[:-1] / (1 + self.n + np.arange(usable.size))
        predicted = (
            np.broadcast_to(level[:, None], (usable.size, logged.shape[1]))
            if draws.predicted is None
            else draws.predicted[usable]
        )
        rows = paired_rows(
            (draws.treatment[usable], draws.baseline[usable]),
            logged[usable],
            predicted,
            draws.chosen[usable],
            reward,
        )
        self._difference.add_rows(rows)
        self._rewards = float(totals[-1])

    def estimate(self, confidence: float) -> Estimate:
        """Return treatment less baseline, in shares of the declared range."""
        if not self.n:
            return Estimate(None, Interval(-1.0, 1.0))
        mean = min(max(self._difference.mean, -1.0), 1.0)
        return Estimate(mean, self._difference.interval(confidence))

    def to_bytes(self) -> bytes:
        """Return the state as bytes, of a length that does not grow."""
        return _HEAD.pack(self._rewards) + self._difference.to_bytes()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "MixtureBets":
        """Restore what `to_bytes` returned, to the last bit."""
        one = cls(0.5)
        (one._rewards,) = _HEAD.unpack_from(stored)
        one._difference = PairedDifference.from_bytes(stored[_HEAD.size :])
        return one
