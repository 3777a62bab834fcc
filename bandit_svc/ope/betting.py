"""Bound weighted rewards so that one may look at every moment and stop at any.

Owns the confidence sequence that holds at every n, not only in the limit: of a
policy's value here, of any bounded mean in bounded_mean.py. Looked at after each of
10,000 rounds of logs that learn, 1,000 logs a row (`benchmarks/truth.py`):

    largest weight    ever wrong    end width against a normal interval (wrong in)
      1                2.8 %        1.60    (59 %)
     10                1.9 %        1.69    (82 %)
     50                1.6 %        1.69    (95 %)
    500                0.9 %        2.06    (100 %)

Rewards of mean 0.1; at 0.5 the widths are 1.34 (50) and 1.22 (500) times the normal
ones. Where nearly all weights are 1 and the largest possible one is 50, it is 2.6:
what did not happen could still outweigh what did.

Both bet (bets.py) that the mean is higher than claimed, and that it is lower. They
are streaming: a round costs two short arrays, whatever the length of the log; they
merge; and `to_dict` gives plain numbers for a snapshot.

References:
    Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro (2022), "Anytime-valid
    off-policy inference for contextual bandits", ACM/IMS J. Data Science; theirs is
    the bound from above by betting on w (1 - r). Karampatziakis, Mineiro and Ramdas
    (2021), "Off-policy confidence sequences", ICML, for using mean(w) = 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.bets import FloatArray, no_sums
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.pivots import Sides, sides_of

SLACK = 1e-9
CHUNK = 10_000


@dataclass(frozen=True, eq=False)
class ValueSequence:
    """A policy's value from weighted rewards, in rewards' units.

    Attributes:
        max_weight: the largest weight that was possible: 1 on-policy, K / f for an
            exploration floor f over K variants; infinity if unknown, which bounds
            values of policies unlike the logging one less well from above.
        reward_minimum: the smallest reward that was possible.
        reward_maximum: the largest.
        n: rounds so far.
        from_below: (J,), sums for the lower end; empty stands for zeros.
        from_above: (J,), sums for the upper end.

    Needs, given the past, a mean weight of 1: true propensities, above 0 wherever
    the target's are. `diagnostics` tests that.
    """

    max_weight: float = math.inf
    reward_minimum: float = 0.0
    reward_maximum: float = 1.0
    n: int = 0
    from_below: FloatArray = field(default_factory=no_sums)
    from_above: FloatArray = field(default_factory=no_sums)

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
        for name, (_, bets) in self._sides.items():
            if getattr(self, name).size == 0:
                object.__setattr__(self, name, np.zeros(bets.size.size))

    @property
    def _sides(self) -> Sides:
        return sides_of(self.max_weight)

    def add(self, weight: npt.ArrayLike, reward: npt.ArrayLike) -> "ValueSequence":
        """Count more rounds: one (two numbers) or many (two arrays of one shape).

        Raises:
            LoggedDataError: a weight is negative or above `max_weight`, or a reward
                outside of its range.
        """
        w, r = np.ravel(weight), np.ravel(reward)
        n, below, above = self.n, self.from_below, self.from_above
        # In parts, since a round's logarithms are a hundred times the round.
        for start in range(0, w.size, CHUNK):
            logs = self._logs(w[start : start + CHUNK], r[start : start + CHUNK])
            below = below + logs["from_below"].sum(axis=0)
            above = above + logs["from_above"].sum(axis=0)
        return replace(self, n=n + w.size, from_below=below, from_above=above)

    def merge(self, other: "ValueSequence") -> "ValueSequence":
        """Give the sequence of both streams together.

        Raises:
            LoggedDataError: the two differ in largest weight or range of rewards.
        """
        mine = (self.max_weight, self.reward_minimum, self.reward_maximum)
        theirs = (other.max_weight, other.reward_minimum, other.reward_maximum)
        if mine != theirs:
            raise LoggedDataError(
                f"sequences of (max_weight, reward_minimum, reward_maximum) {mine} and "
                f"{theirs} can't be merged"
            )
        return replace(
            self,
            n=self.n + other.n,
            from_below=self.from_below + other.from_below,
            from_above=self.from_above + other.from_above,
        )

    def interval(self, confidence: float = 0.95) -> Interval:
        """Bound the value; valid at every look, for all looks together.

        For a policy that learns it is the mean, over the rounds so far, of what the
        policy of that round is worth. Ends lie within the range of rewards. If the
        two sides contradict each other (at most once in 1 / (1 - confidence) logs
        with true propensities), the whole range comes back.
        """
        ends = self._bounds(
            {name: np.atleast_2d(getattr(self, name)) for name in self._sides},
            np.array([float(self.n)]),
            confidence,
        )
        return Interval(float(ends[0][0]), float(ends[1][0]))

    def over(
        self,
        weight: FloatArray,
        reward: FloatArray,
        looks: npt.NDArray[np.int64],
        confidence: float = 0.95,
    ) -> tuple[FloatArray, FloatArray]:
        """Give both ends as they stand after each number of further rounds.

        Takes 1 kB a round meanwhile.

        Args:
            weight: (n,).
            reward: (n,).
            looks: (L,), counts of rounds from 1 to n.
            confidence: in (0, 1).

        Returns:
            lower and upper ends, (L,) each.
        """
        sums = {
            name: getattr(self, name) + np.cumsum(more, axis=0)[looks - 1]
            for name, more in self._logs(weight, reward).items()
        }
        return self._bounds(sums, (self.n + looks).astype(np.float64), confidence)

    def log_capitals(
        self, weight: FloatArray, reward: FloatArray, value: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Give what was won against claimed values, after each of further rounds.

        The interval misses a value at the looks where either logarithm is at least
        log(2 / (1 - confidence)).

        Args:
            weight: (n,).
            reward: (n,).
            value: (n,), the claim at each look, in rewards' units.

        Returns:
            Logarithms, (n,): betting that the value is higher, and that it is lower.
        """
        share = (value - self.reward_minimum) / (
            self.reward_maximum - self.reward_minimum
        )
        n = self.n + np.arange(1.0, weight.size + 1)
        higher, lower = (
            bets.log_capital(getattr(self, name) + np.cumsum(logs, axis=0), n, claim)
            for (name, (_, bets)), logs, claim in zip(
                self._sides.items(),
                self._logs(weight, reward).values(),
                (share, 1 - share),
                strict=True,
            )
        )
        return higher, lower

    def to_dict(self) -> dict[str, float | list[float] | None]:
        """Give the state as plain numbers; None for an unknown largest weight."""
        return {
            "max_weight": self.max_weight if math.isfinite(self.max_weight) else None,
            "reward_minimum": self.reward_minimum,
            "reward_maximum": self.reward_maximum,
            "n": self.n,
            "from_below": [float(s) for s in self.from_below],
            "from_above": [float(s) for s in self.from_above],
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "ValueSequence":
        """Restore what `to_dict` gave, to the last bit.

        Raises:
            LoggedDataError: the state is of another version: its arrays don't fit.
        """
        limit = state["max_weight"]
        empty = cls(
            math.inf if limit is None else float(str(limit)),
            float(str(state["reward_minimum"])),
            float(str(state["reward_maximum"])),
        )
        arrays = {
            name: np.asarray(state[name], dtype=np.float64) for name in empty._sides
        }
        for name, (_, bets) in empty._sides.items():
            if arrays[name].shape != bets.size.shape:
                raise LoggedDataError(
                    f"{name} has shape {arrays[name].shape}; this version's sequences "
                    f"have {bets.size.shape}. Compute it again from the log"
                )
        return replace(
            empty,
            n=int(str(state["n"])),
            from_below=arrays["from_below"],
            from_above=arrays["from_above"],
        )

    def _logs(
        self, weight: npt.ArrayLike, reward: npt.ArrayLike
    ) -> dict[str, FloatArray]:
        w = np.asarray(weight, dtype=np.float64).reshape(-1, 1)
        r = np.asarray(reward, dtype=np.float64).reshape(-1, 1)
        limit = self.max_weight
        if not np.all((w >= 0) & (w <= limit * (1 + SLACK))):
            raise LoggedDataError(
                f"weights go from {w.min()} to {w.max()}; they must be between 0 and "
                f"the largest possible weight, {limit}"
            )
        if not np.all((r >= self.reward_minimum) & (r <= self.reward_maximum)):
            raise LoggedDataError(
                f"rewards go from {r.min()} to {r.max()}; they must be between "
                f"{self.reward_minimum} and {self.reward_maximum}"
            )
        share = (r - self.reward_minimum) / (self.reward_maximum - self.reward_minimum)
        logs = {}
        for name, (pivot, bets) in self._sides.items():
            towards = share if name == "from_below" else 1 - share
            base = limit * pivot if math.isfinite(limit) else 0.0
            logs[name] = bets.logs(np.maximum(w * (towards - pivot) + base, 0.0))
        return logs

    def _bounds(
        self, sums: Mapping[str, FloatArray], n: FloatArray, confidence: float
    ) -> tuple[FloatArray, FloatArray]:
        risk = (1 - confidence) / 2
        lower, mirrored = (
            bets.refuted_below(sums[name], n, (0.0, 1.0), risk)
            for name, (_, bets) in self._sides.items()
        )
        upper = 1 - mirrored
        # A side that refutes its whole range is a contradiction as well.
        crossed = (lower > upper) | (lower >= 1) | (mirrored >= 1)
        width = self.reward_maximum - self.reward_minimum
        return (
            self.reward_minimum + width * np.where(crossed, 0.0, lower),
            self.reward_minimum + width * np.where(crossed, 1.0, upper),
        )
