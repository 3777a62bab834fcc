"""Units: the facts about them, and the state that follows from these.

Owns the protocols of both. Facts are kept in the order in which they became known; a
state is derived from them and can be derived again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import msgspec

from bandit_svc.domain.people.unit_fact import KeptFact
from bandit_svc.domain.people.unit_state import UnitState


class UnitFactRow(msgspec.Struct, frozen=True):
    """One fact and its place in the order.

    Attributes:
        first_ms: of a change with links: when each of the ids had its first decision,
            as far as that was known when the fact was kept.
        source: a number of the partition of the log that it came from; 0 if unknown.
    """

    position: int
    fact: KeptFact
    first_ms: Mapping[str, int] = {}
    source: int = 0


Overshoot = Mapping[tuple[str, str], int]
"""Exposures that came though a cap was full, by programme and the words of the cap."""


NO_OVERSHOOT: Overshoot = {}


class UnitRows(NamedTuple):
    """All that is kept, as bytes in the order of the keys, and the last fact of it.

    `overshoot` has what the facts that are left give: of units that were erased since,
    the kept counts have more.
    """

    position: int
    rows: Iterator[tuple[bytes, bytes]]
    overshoot: Overshoot = NO_OVERSHOOT


class UnitFacts(Protocol):
    """Facts about units, as ingested from the event log."""

    def after(self, position: int, limit: int) -> Sequence[UnitFactRow]:
        """Return the facts behind a position, in order."""

    def of_unit(self, unit_id: str, last: int) -> Sequence[UnitFactRow]:
        """Return the facts that are about one id, up to a position."""

    def last_position(self) -> int:
        """Return the position of the newest fact; 0 without any."""

    def has(self, unit_id: str, fact_id: str) -> bool:
        """Return whether a fact of a unit is kept."""


class StickyChoices(Protocol):
    """The newest choice of each unit of a sticky experiment."""

    def newest(self, number: int, unit: int) -> str | None:
        """Return the decision_id by an experiment's number and a unit's hash."""


class Units(Protocol):
    """The state of each unit, in a file or a table of its own."""

    def state(self, unit_id: str) -> UnitState | None:
        """Return the state of a person by any of their ids; None if there is none.

        Raises:
            Unavailable: it can't be read.
        """

    def must_be_read(self) -> bool:
        """Return whether each decision must read the state of its unit.

        So it is once any two ids are one person, or a unit has denied consent.
        """

    def position(self) -> int:
        """Return the position of the last fact that the states follow from."""

    def are_in_order(self) -> bool:
        """Return whether the states follow from facts in the order of their receipt.

        Those of former versions follow from them in the order of their arrival.
        """

    def save(
        self,
        states: Iterable[UnitState],
        after: int,
        position: int,
        overshoot: Overshoot = NO_OVERSHOOT,
    ) -> bool:
        """Keep states and the position of their last fact, in one transaction.

        Args:
            states: each is kept for all of its ids.
            after: the position that they were read at.
            position: of the last fact that they follow from.
            overshoot: what is added to the counts.

        Returns:
            False, and nothing was kept, if the position is not `after` any more.
        """

    def overshoot(self) -> Overshoot:
        """Return the counts of all programmes."""

    def last_seen_before(self, at_ms: int, limit: int) -> list[UnitState]:
        """Return states whose newest fact is older, without those that deny consent."""

    def forget(self, ids: Iterable[str]) -> int:
        """Delete what is kept for some ids; return how many rows that were."""

    def scrub(self, beat: Callable[[], None]) -> bool:
        """Leave nothing deleted in the bytes of the file; see Privacy.scrub."""

    def snapshot(self) -> AbstractContextManager[UnitRows]:
        """Yield all that is kept at one moment."""

    def replace(self, rows: UnitRows) -> None:
        """Keep these rows and their position and nothing else, in one transaction."""

    def empty(self) -> AbstractContextManager["Units"]:
        """Yield a place for states that has none; it is gone at the end."""

    def close(self) -> None:
        """Let go of files and connections; idempotent."""
