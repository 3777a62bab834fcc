"""The joined order: matured decisions with their reward, and the sums behind it.

Owns the protocols of reading it and of writing it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from bandit_svc.storage.ranges import ALWAYS, Made
from bandit_svc.storage.rows import (
    ClosedDecision,
    ClosedRow,
    DueDecision,
    JoinedRow,
    JoinSums,
    Tally,
    UpliftSums,
)

NO_SUMS: Final = JoinSums()


class JoinedBefore(NamedTuple):
    """How far an experiment's decisions were joined.

    Attributes:
        position: of the last one; 0 without any.
        uplift: the state of the uplift's sums; None if there are none.
    """

    position: int
    uplift: bytes | None


class JoinedOrder(Protocol):
    """Matured decisions with their reward, as they are read in a recorded order."""

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """Return joined decisions of one experiment after a position, in order.

        Those that are damaged are left out, and kept as damages; an empty list means
        that there are no more.
        """

    def closed_after(
        self, number: int, position: int, limit: int, made: Made = ALWAYS
    ) -> list[ClosedRow]:
        """Return joined decisions after a position as they were due, in order.

        Args:
            made: which of them; all by default.
        """

    def last_position(self, number: int) -> int:
        """Return the last joined position, 0 if there is none."""


class Joins(JoinedOrder, Protocol):
    """The same, as it is written, and the sums that follow it."""

    def due(
        self, now_ms: int, limit: int, numbers: Collection[int] | None = None
    ) -> list[DueDecision]:
        """Return open decisions that are ready, by readiness and id.

        Those that are damaged are left out, and kept as damages.

        Args:
            now_ms: by when they have to be ready.
            limit: of their number.
            numbers: of the experiments that they are of; None for all.
        """

    def set_aside(self, row_ids: Sequence[int]) -> None:
        """Take open decisions that can't be joined out of those that are due."""

    def close(
        self,
        closed: Sequence[ClosedDecision],
        now_ms: int,
        sums: JoinSums = NO_SUMS,
    ) -> None:
        """Append to the joined order, mark as joined and add to the sums."""

    def add_sums(self, closed: Sequence[ClosedDecision], sums: JoinSums) -> None:
        """Add decisions to the sums of their rewards alone, in their joined order.

        The sums of their times and of their logged chances stay as they are.
        """

    def last_positions(self) -> Mapping[int, int]:
        """Return the last joined position of each experiment that has one."""

    def waiting_since_ms(self, number: int, position: int, now_ms: int) -> int | None:
        """Return since when the oldest decision that can be learned from waits.

        Either one that is ready and not joined, or a learnable one that is joined
        behind `position`, the model's cursor; None where nothing waits.
        """

    def tallies(self, number: int) -> list[Tally]:
        """Return the sums; their number does not grow with the log."""

    def adjusted(self, number: int) -> bytes | None:
        """Return the state of the adjusted uplift after the last join, or None."""

    def before(self, numbers: Collection[int]) -> Mapping[int, JoinedBefore]:
        """Return what was joined of experiments, and their uplift's sums, at once."""

    def uplift(self, number: int) -> bytes | None:
        """Return the state of the uplift's sums, or None if there are none."""

    def save_uplift(self, number: int, sums: UpliftSums) -> None:
        """Replace the uplift's sums and the states of the units that changed."""

    def method_changed_at_ms(self, number: int) -> int | None:
        """Return when the uplift became one by unit; None if it always was."""

    def unit_states(self, number: int, units: Collection[int]) -> Mapping[int, bytes]:
        """Return the states of those units, by their hash, that have one."""

    def states_of_units(
        self, units: Mapping[int, Collection[int]]
    ) -> Mapping[int, Mapping[int, bytes]]:
        """Return the same of units of several experiments, by number, at once."""
