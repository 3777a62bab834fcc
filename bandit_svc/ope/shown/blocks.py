"""Bound the newest mean of what changes with time, where units come back.

Owns from where on rounds are summed up. Block k begins after FIRST (2^k - 1) rounds and
ends where block k + 2 begins; the older of the two that are open is read. So a mean is
of the newest rounds, from half of all to six sevenths, as it must be of a policy that
learns. The intervals of all blocks hold at every look together: block k has the share
1 / ((k + 1) (k + 2)) of the risk.

The variance is of sums by group of units (GROUPS groups by a hash of the unit), so that
the rounds of one unit may be alike in any way; nothing is kept of a unit itself. The
boundary is that of sequences/asymptotic.py.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import msgspec
import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.interval import UNBOUNDED, Interval
from bandit_svc.ope.sequences.asymptotic import (
    MINIMAL_COUNT,
    boundary,
    padded_variance,
)

GROUPS = 256
FIRST = 250
"""Rounds from the first block to the second; then twice as many, and so on."""


class Mean(NamedTuple):
    """A mean and its interval."""

    estimate: float
    interval: Interval
    n: int


class _Kept(msgspec.Struct, array_like=True):
    index: int
    n: int
    first_ms: int
    last_ms: int
    counts: bytes
    sums: bytes
    squares: bytes
    largest: bytes


class Block:
    """The sums of one block.

    Attributes:
        index: which block it is, from 0 on.
        n: rounds.
        first_ms, last_ms: of the first and of the newest round.
    """

    def __init__(self, index: int, series: int) -> None:
        self.index = index
        self.n = 0
        self.first_ms = self.last_ms = 0
        self._counts = np.zeros(GROUPS)
        self._sums = np.zeros((GROUPS, series))
        self._squares = np.zeros(series)
        self._largest = np.zeros(series)

    def add(self, group: int, values: Sequence[float], at_ms: int) -> None:
        """Add a round.

        Args:
            group: of its unit, below GROUPS.
            values: of each series.
            at_ms: milliseconds since the epoch.
        """
        self.first_ms = at_ms if self.n == 0 else min(self.first_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        self.n += 1
        self._counts[group] += 1
        row = np.asarray(values, dtype=np.float64)
        self._sums[group] += row
        self._squares += row**2
        np.maximum(self._largest, row, out=self._largest)

    def mean(self, series: int, confidence: float, width: float) -> Mean | None:
        """Return the mean of a series; None without a round.

        Args:
            series: its number.
            confidence: of all blocks together.
            width: the usual range of a value, for the pseudo-rewards.
        """
        if not self.n:
            return None
        mean = float(self._sums[:, series].sum()) / self.n
        alone = max(float(self._squares[series]) / self.n - mean**2, 0.0)
        effective = self._effective(series, mean, alone)
        risk = (1 - confidence) / ((self.index + 1) * (self.index + 2))
        if effective < MINIMAL_COUNT:
            return Mean(mean, UNBOUNDED, self.n)
        variance = padded_variance(effective, alone, width, 1 - risk)
        half = math.sqrt(variance) * boundary(effective, 1 - risk)
        return Mean(mean, Interval(mean - half, mean + half), self.n)

    def total(self, series: int) -> float:
        """Return the sum of a series."""
        return float(self._sums[:, series].sum())

    def squares(self, series: int) -> float:
        """Return the sum of its squares."""
        return float(self._squares[series])

    def largest(self, series: int) -> float:
        """Return its largest value, at least 0."""
        return float(self._largest[series])

    def _effective(self, series: int, mean: float, alone: float) -> float:
        """Return how many independent rounds these are worth."""
        occupied = int(np.count_nonzero(self._counts))
        units = float(self.n)
        if occupied < GROUPS:
            # Linear counting: so many units leave so many groups empty.
            units = min(units, -GROUPS * math.log1p(-occupied / GROUPS))
        rest: FloatArray = self._sums[:, series] - mean * self._counts
        by_group = float((rest**2).sum()) * GROUPS / (GROUPS - 1)
        if by_group > alone * self.n > 0:
            units = min(units, self.n * alone * self.n / by_group)
        return units

    def kept(self) -> _Kept:
        """Return the sums as bytes hold them."""
        arrays = (self._counts, self._sums, self._squares, self._largest)
        packed = (one.astype("<f8").tobytes() for one in arrays)
        return _Kept(self.index, self.n, self.first_ms, self.last_ms, *packed)

    @classmethod
    def restored(cls, kept: _Kept, series: int) -> Self:
        """Return the block of what `kept` has returned.

        Raises:
            ValueError: it is of another shape.
        """
        block = cls(kept.index, series)
        block.n, block.first_ms, block.last_ms = kept.n, kept.first_ms, kept.last_ms
        block._counts = np.frombuffer(kept.counts, "<f8").copy()
        block._sums = np.frombuffer(kept.sums, "<f8").reshape(GROUPS, series).copy()
        block._squares = np.frombuffer(kept.squares, "<f8").copy()
        block._largest = np.frombuffer(kept.largest, "<f8").copy()
        return block


class Blocks:
    """The open blocks of a stream of rounds."""

    def __init__(self, series: int) -> None:
        self._series = series
        self._open = [Block(0, series)]

    def add(self, group: int, values: Sequence[float], at_ms: int) -> None:
        """Add a round; see Block.add."""
        last = self._open[-1]
        if last.n >= FIRST << last.index:
            self._open = [last, Block(last.index + 1, self._series)]
        for block in self._open:
            block.add(group, values, at_ms)

    @property
    def newest(self) -> Block:
        """The older one of the open blocks."""
        return self._open[0]

    def to_bytes(self) -> bytes:
        """Return the sums."""
        return msgspec.msgpack.encode([one.kept() for one in self._open])

    @classmethod
    def from_bytes(cls, state: bytes, series: int) -> Self:
        """Return the blocks that `to_bytes` has returned.

        Raises:
            msgspec.DecodeError: the bytes are damaged.
            ValueError: they are of another shape.
        """
        kept = msgspec.msgpack.decode(state, type=list[_Kept])
        blocks = cls(series)
        blocks._open = [Block.restored(one, series) for one in kept] or blocks._open
        return blocks
