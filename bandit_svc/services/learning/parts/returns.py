"""Count which units were seen again, as joined decisions tell it.

Owns the sums behind a retention and what is kept of a unit for them. A unit begins with
its first joined decision at which both groups had a chance: its group, the chance of
the baseline and the time stay those of that decision. A further decision from `after`
to `until` milliseconds after it is a return. Decisions without a unit can't return and
don't count.

Units are counted by the time of their first decision, in STRETCHES stretches of
`until`. A stretch is over when the newest joined decision is `until` after its end;
then its units count, those that were seen again and those that were not. That follows
the joined order alone, no clock, so that the same log gives the same sums. A decision
that joins late, under a longer window, still counts for a stretch that is over.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bandit_svc.ope.arrays import IntArray
from bandit_svc.ope.metrics.retention import UnitCounts
from bandit_svc.ope.uplift.history_weights import CHANCE_DIGITS, LoggedDraws
from bandit_svc.ope.uplift.unit_sums import NO_UNIT
from bandit_svc.services.learning.uplift_rows import Joined

STRETCHES = 64
OVER = -1
"""The stretch of all that are over."""
_RECORD = struct.Struct("<qdB")
_NEW = b""


class _Record(NamedTuple):
    """What is kept of a unit.

    Attributes:
        first_ms: when its first decision was exposed.
        chance: of the baseline group at it.
        flags: 1 if it was in the treatment, and 2, 4, … for each retention by which it
            was seen again.
    """

    first_ms: int
    chance: float
    flags: int


_NEVER = _Record(0, 0.0, 0)
"""Of a unit without a decision at which both groups had a chance."""


class _Cell(NamedTuple):
    """Which units are counted together.

    Attributes:
        retention: its place among those of the layout.
        stretch: of the first decision; OVER for all that are over.
        treated: true for the treatment.
        chance: of the baseline group at the first decision.
    """

    retention: int
    stretch: int
    treated: bool
    chance: float


class Returns(msgspec.Struct, frozen=True, array_like=True):
    """The counts of all retentions of an experiment.

    Attributes:
        newest_ms: when the newest joined decision was exposed.
        counts: of each cell the units, and those that were seen again; in order.
    """

    newest_ms: int = 0
    counts: tuple[tuple[_Cell, int, int], ...] = ()

    def over(self, retention: int) -> list[UnitCounts]:
        """Return the units whose time is over."""
        return [
            UnitCounts(cell.treated, cell.chance, units, returned)
            for cell, units, returned in self.counts
            if (cell.retention, cell.stretch) == (retention, OVER)
        ]

    def waiting(self, retention: int) -> int:
        """Return how many units' time is not over."""
        return sum(
            units
            for cell, units, _ in self.counts
            if cell.retention == retention and cell.stretch != OVER
        )


def kept_returns(stored: bytes) -> Returns:
    """Return the counts that bytes hold; none for no bytes."""
    return msgspec.msgpack.decode(stored, type=Returns) if stored else Returns()


class GrowingReturns:
    """The counts of an experiment while decisions are added.

    Args:
        spans: of each retention, from which and until which milliseconds after a
            unit's first decision a further one counts.
        stored: the counts so far.
    """

    def __init__(self, spans: Sequence[tuple[int, int]], stored: bytes) -> None:
        kept = kept_returns(stored)
        self._spans = spans
        self._newest_ms = self._closed_ms = kept.newest_ms
        self._counts = {cell: [units, back] for cell, units, back in kept.counts}

    def apart(
        self, kept: Sequence[bytes | None]
    ) -> tuple[list[bytes], list[bytes | None]]:
        """Return what is kept of units for this, and the rest."""
        if not self._spans:
            return [_NEW] * len(kept), list(kept)
        size = _RECORD.size
        return (
            [one[:size] if one else _NEW for one in kept],
            [one[size:] if one else None for one in kept],
        )

    def add(
        self,
        joined: Joined,
        draws: LoggedDraws,
        unit: IntArray,
        records: Sequence[bytes],
    ) -> list[bytes]:
        """Add decisions in their order; return what is kept of their units.

        Args:
            joined: the decisions.
            draws: of them.
            unit: (n,), the place of each one's unit among the records.
            records: of the units so far.
        """
        if not self._spans:
            return list(records)
        known = [_Record(*_RECORD.unpack(one)) if one else _NEVER for one in records]
        chances = draws.baseline_chance.round(CHANCE_DIGITS).tolist()
        treated, compared = draws.treated.tolist(), draws.compared.tolist()
        for row, place in enumerate(unit.tolist()):
            exposed_at_ms = joined.closed[row].due.exposed_at_ms
            self._newest_ms = max(self._newest_ms, exposed_at_ms)
            if place == NO_UNIT:
                continue
            if known[place] != _NEVER:
                known[place] = self._seen_again(known[place], exposed_at_ms)
            elif compared[row]:
                flags = int(treated[row])
                known[place] = _Record(exposed_at_ms, chances[row], flags)
                for retention in range(len(self._spans)):
                    self._count(retention, known[place])[0] += 1
        self._close()
        return [_RECORD.pack(*one) for one in known]

    def to_bytes(self) -> bytes:
        """Return the counts as bytes; none without a retention."""
        if not self._spans:
            return b""
        counts = tuple((cell, n, back) for cell, (n, back) in self._sorted())
        return msgspec.msgpack.encode(Returns(self._newest_ms, counts))

    def _seen_again(self, record: _Record, exposed_at_ms: int) -> _Record:
        flags = record.flags
        passed_ms = abs(exposed_at_ms - record.first_ms)
        for retention, (after_ms, until_ms) in enumerate(self._spans):
            bit = 2 << retention
            if not flags & bit and after_ms <= passed_ms <= until_ms:
                flags |= bit
                self._count(retention, record)[1] += 1
        return record._replace(flags=flags)

    def _count(self, retention: int, record: _Record) -> list[int]:
        """Return the counts of the cell of a unit, to be changed."""
        stretch = record.first_ms // self._width_ms(retention)
        if self._is_over(retention, stretch):
            stretch = OVER
        treated = bool(record.flags & 1)
        cell = _Cell(retention, stretch, treated, record.chance)
        return self._counts.setdefault(cell, [0, 0])

    def _close(self) -> None:
        """Count the stretches that are over as one."""
        self._closed_ms = self._newest_ms
        for cell, (units, returned) in self._sorted():
            if cell.stretch == OVER or not self._is_over(cell.retention, cell.stretch):
                continue
            del self._counts[cell]
            over = self._counts.setdefault(cell._replace(stretch=OVER), [0, 0])
            over[0] += units
            over[1] += returned

    def _sorted(self) -> list[tuple[_Cell, list[int]]]:
        return sorted(self._counts.items())

    def _width_ms(self, retention: int) -> int:
        return max(1, self._spans[retention][1] // STRETCHES)

    def _is_over(self, retention: int, stretch: int) -> bool:
        end_ms = (stretch + 1) * self._width_ms(retention)
        return end_ms + self._spans[retention][1] <= self._closed_ms
