"""What reward to expect of a choice, whatever the kind of the policy that made it.

Owns one regression an action over the features of the context, by which a fall of the
rewards is told from a context that is worth less. State is a function of the learned
examples in order.
"""

from typing import Self

import msgspec

from policies.auto.clock import Clock
from policies.auto.columns import MOST_PLAIN, SHARED_COLUMNS, ColumnReader, Columns
from policies.auto.evidence import Evidence
from policies.auto.regressions import Packed, Prior, Regressions
from policies.auto.rows import Rows
from policies.base import Action, Context
from policies.change.falls import Falls
from policies.change.typical import Typical

PRIOR = Prior(intercept=0.3, weights=0.1, forgetting=3.0)
MOST_COLUMNS = 1 + SHARED_COLUMNS + MOST_PLAIN
HORIZON = 500.0


class PackedExpectation(msgspec.Struct, frozen=True):
    """The regression in a dump."""

    columns: Columns
    rows: Rows
    typical: Typical
    falls: Falls
    evidence: Evidence
    regressions: Packed


class Expectation:
    """Predicts the reward of a chosen action, and finds falls below that."""

    def __init__(self) -> None:
        self._columns = Columns(pairing=False)
        self._reader = ColumnReader(self._columns)
        self._rows = Rows()
        self._typical = Typical()
        self._falls = Falls()
        self._evidence = Evidence.of(1)
        self._regressions = Regressions((PRIOR,), MOST_COLUMNS)

    @property
    def rising(self) -> int:
        """Examples since the rewards began to look as if they had fallen."""
        return self._falls.rising

    def check(self, context: Context) -> None:
        """Refuse a context that can't be learned.

        Raises:
            PolicyError: a feature is refused.
        """
        self._reader.row(context)

    def add(
        self, context: Context, actions: tuple[Action, ...], chosen: int, reward: float
    ) -> bool:
        """Learn an example and return whether rewards have fallen."""
        row = self._reader.row(context)
        if not row.complete:
            self._reader.admit(context, 0)
            row = self._reader.row(context)
        self._typical.learn(reward)
        bounded = self._typical.bounded(reward)
        clock: Clock = self._evidence.clock
        target = bounded - self._evidence.mean
        at, is_new = self._rows.learned(
            actions, chosen, clock.count + 1, self._regressions.width
        )
        if is_new:
            self._regressions.start_again(at)
        columns, values = row.columns[: row.plain], row.values[: row.plain]
        errors = self._regressions.learn(at, columns, values, target, clock.time)
        self._reader.learn(row)
        noise = self._evidence.noise
        error = self._evidence.add(bounded, errors.tolist(), [1.0], HORIZON)
        return noise > 0.0 and self._falls.add(error / noise)

    def packed(self) -> PackedExpectation:
        """Return the state for a dump."""
        return PackedExpectation(
            self._columns,
            self._rows,
            self._typical,
            self._falls,
            self._evidence,
            self._regressions.packed(),
        )

    @classmethod
    def unpacked(cls, packed: PackedExpectation) -> Self:
        """Build the expectation that was packed."""
        new = cls()
        new._columns, new._reader = packed.columns, ColumnReader(packed.columns)
        new._rows, new._typical = packed.rows, packed.typical
        new._falls, new._evidence = packed.falls, packed.evidence
        new._regressions = Regressions.unpacked(
            packed.regressions, (PRIOR,), MOST_COLUMNS
        )
        return new
