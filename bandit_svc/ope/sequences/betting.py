"""Bound a policy's value from weighted rewards, at every look.

Owns the confidence sequence of a policy's value, which is valid at every n, not only
in the limit, and the pivots that it bets on. The sequence of any bounded mean is in
bounded_mean.py. Evaluated after each of 10,000 rounds of logs that learn, 1,000 logs a
row (`benchmarks/truth`):

    largest weight    ever wrong    end width against a normal interval (wrong in)
      1                2.8 %        1.60    (59 %)
     10                1.9 %        1.69    (82 %)
     50                1.6 %        1.69    (95 %)
    500                0.9 %        2.06    (100 %)

Rewards of mean 0.1; at 0.5 the widths are 1.34 (50) and 1.22 (500) times the normal
ones. Where nearly all weights are 1 and the largest possible one is 50, it is 2.6: a
weight that was possible and did not occur could still outweigh the others.

The sequence bets (bets.py) that the mean is higher than claimed, and that it is lower.
It is streaming: a round costs two short arrays, whatever the length of the log; states
merge; and `to_dict` returns plain numbers for the store.

References:
    Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro (2022), "Anytime-valid
    off-policy inference for contextual bandits", ACM/IMS J. Data Science; theirs is
    the bound from above by betting on w (1 - r). Karampatziakis, Mineiro and Ramdas
    (2021), "Off-policy confidence sequences", ICML, for using mean(w) = 1.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.sequences.bets import Bets
from bandit_svc.ope.sequences.two_sided import SLACK, TwoSided

CHUNK = 10_000
PIVOTS = ((0.0, 0.6, 0.1), (0.5, 0.2, 0.25), (1.0, 0.2, 0.5))
"""Pivot c, its share of the stake, and the typical variance of w (r - c) per unit of
max weight.

Since mean(w) is 1, w (r - c) + c has the same mean for each c, and the less variance
the nearer c is to the rewards. Rare rewards are common, so 0 gets the largest share.
"""
UNKNOWN_MAX_WEIGHT = 10.0
"""The largest weight that bets are sized for where none is known."""


@dataclass(frozen=True, eq=False)
class ValueSequence(TwoSided):
    """A policy's value from weighted rewards, in reward units.

    For a policy that learns it is the mean, over the rounds so far, of the value of
    the policy as it was in each round.

    Attributes:
        max_weight: the largest weight that was possible: 1 on-policy, K / f for an
            exploration floor f over K variants; infinity if unknown; the upper
            end is then wider for policies unlike the logging policy.
        reward_minimum: the smallest reward that was possible.
        reward_maximum: the largest.

    Valid if the mean weight given the past is 1: with true propensities, above 0
    wherever the target's are. `diagnostics` tests that.
    """

    declared: ClassVar = ("max_weight", "reward_minimum", "reward_maximum")

    max_weight: float = math.inf
    reward_minimum: float = 0.0
    reward_maximum: float = 1.0

    def __post_init__(self) -> None:
        if not self.max_weight >= 1:
            raise LoggedDataError(
                f"max_weight is {self.max_weight}; it must be 1 or more, since the "
                "mean weight is 1"
            )
        if not self.reward_minimum < self.reward_maximum:
            raise LoggedDataError(
                f"reward_minimum is {self.reward_minimum} and reward_maximum "
                f"{self.reward_maximum}; the minimum must be the smaller"
            )
        super().__post_init__()

    @property
    def bets(self) -> tuple[Bets, Bets]:
        """On each pivot."""
        below, above = _sides_of(self.max_weight)
        return below.bets, above.bets

    @property
    def limits(self) -> tuple[float, float]:
        """The range of rewards."""
        return self.reward_minimum, self.reward_maximum

    @property
    def span(self) -> float:
        """1: bets are on rewards scaled to [0, 1]."""
        return 1.0

    def add(self, weight: npt.ArrayLike, reward: npt.ArrayLike) -> "ValueSequence":
        """Add rounds: one (two numbers) or many (two arrays of one shape).

        Raises:
            LoggedDataError: a weight is negative or above `max_weight`, or a reward
                outside of its range.
        """
        w, r = np.ravel(weight), np.ravel(reward)
        sums = np.zeros((2, self.from_below.size))
        # In chunks, since the logarithms take a hundred times the memory of the rounds.
        for start in range(0, w.size, CHUNK):
            logs = self._logs(w[start : start + CHUNK], r[start : start + CHUNK])
            sums += [side.sum(axis=0) for side in logs]
        return self.plus(w.size, *sums)

    def over(
        self,
        weight: FloatArray,
        reward: FloatArray,
        looks: npt.NDArray[np.int64],
        confidence: float = 0.95,
    ) -> tuple[FloatArray, FloatArray]:
        """Return both ends after each number of further rounds.

        Needs 1 kB of memory a round.

        Args:
            weight: (n,).
            reward: (n,).
            looks: (L,), counts of rounds from 1 to n.
            confidence: in (0, 1).

        Returns:
            lower and upper ends, (L,) each.
        """
        below, above = (
            kept + np.cumsum(logs, axis=0)[looks - 1]
            for kept, logs in zip(
                (self.from_below, self.from_above),
                self._logs(weight, reward),
                strict=True,
            )
        )
        n = (self.n + looks).astype(np.float64)
        return self.ends(below, above, n, confidence)

    def log_capitals(
        self, weight: FloatArray, reward: FloatArray, value: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the capital won against claimed values, after each further round.

        The interval misses a value at the looks where either logarithm is at least
        log(2 / (1 - confidence)).

        Args:
            weight: (n,).
            reward: (n,).
            value: (n,), the claim at each look, in rewards' units.

        Returns:
            Logarithms, (n,): betting that the value is higher, and that it is lower.
        """
        share = self._scaled(value)
        n = self.n + np.arange(1.0, weight.size + 1)
        higher, lower = (
            bets.log_capital(kept + np.cumsum(logs, axis=0), n, claim)
            for bets, kept, logs, claim in zip(
                self.bets,
                (self.from_below, self.from_above),
                self._logs(weight, reward),
                (share, 1 - share),
                strict=True,
            )
        )
        return higher, lower

    def _logs(self, weight: npt.ArrayLike, reward: npt.ArrayLike) -> list[FloatArray]:
        """Return the term of each round in both sums, (n, J) each."""
        w = np.asarray(weight, dtype=np.float64).reshape(-1, 1)
        r = np.asarray(reward, dtype=np.float64).reshape(-1, 1)
        limit = self.max_weight
        if not np.all((w >= 0) & (w <= limit * (1 + SLACK))):
            raise LoggedDataError(
                f"weights range from {w.min()} to {w.max()}; they must be between 0 "
                f"and the largest possible weight, {limit}"
            )
        if not np.all((r >= self.reward_minimum) & (r <= self.reward_maximum)):
            raise LoggedDataError(
                f"rewards range from {r.min()} to {r.max()}; they must be between "
                f"{self.reward_minimum} and {self.reward_maximum}"
            )
        share, sides = self._scaled(r), _sides_of(limit)
        logs = []
        # The upper end is the lower end of the mirrored rewards 1 - r. Each bet is on
        # w (r - c) + W c >= 0, whose mean is the value plus (W - 1) c since mean(w) is
        # 1 (Karampatziakis et al. 2021); W is the largest weight.
        for (pivots, bets), towards in zip(sides, (share, 1 - share), strict=True):
            base = limit * pivots if math.isfinite(limit) else 0.0
            logs.append(bets.logs(np.maximum(w * (towards - pivots) + base, 0.0)))
        return logs

    def _scaled(self, reward: FloatArray) -> FloatArray:
        return (reward - self.reward_minimum) / (
            self.reward_maximum - self.reward_minimum
        )


class _Side(NamedTuple):
    """Pivots and bets of one end, (J,) both."""

    pivots: FloatArray
    bets: Bets


@cache
def _sides_of(max_weight: float) -> tuple[_Side, _Side]:
    """Return the lower and the upper end; there are few different largest weights."""
    return _side(max_weight, upwards=True), _side(max_weight, upwards=False)


def _side(max_weight: float, *, upwards: bool) -> _Side:
    """Return pivots and bets, (J,), for rewards as they are, or for 1 - r.

    With pivot c, w (r - c) + max_weight c is never negative; its mean is the value
    plus (max_weight - 1) c.
    """
    mirrored = [(c if upwards else 1 - c, share, v) for c, share, v in PIVOTS]
    if not math.isfinite(max_weight):
        # Only w r and w (1 - r) have a known lower bound, 0.
        variance = next(v for c, _, v in mirrored if c == 0)
        bets = Bets.around(variance * UNKNOWN_MAX_WEIGHT)
        return _Side(np.zeros(bets.size.size), bets)
    if max_weight == 1:
        # All weights are 1, and then all pivots are the same.
        bets = Bets.around(PIVOTS[0][2])
        return _Side(np.zeros(bets.size.size), bets)
    parts = [
        (share, Bets.around(v * max_weight, (max_weight - 1) * c))
        for c, share, v in mirrored
    ]
    each = parts[0][1].size.size
    return _Side(np.repeat([c for c, _, _ in mirrored], each), Bets.joined(parts))
