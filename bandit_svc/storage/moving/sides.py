"""Both ends of a move: the store that is left, and the draft of the one that begins.

Owns the protocols. A store is read in one view of it, which changes that come meanwhile
don't touch. A draft lies beside the place that it is for, and takes that place at once
when all is compared; what is left of an earlier draft is thrown away.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.moving.tables import MovedTable, Place, Rows


class Snapshot(Protocol):
    """One view of all tables of a store."""

    def places(self) -> Sequence[Place]:
        """Return where there are tables: the store first."""

    def count(self, place: Place, table: MovedTable) -> int:
        """Return how many rows there must be, those that are damaged included."""

    def read(self, place: Place, table: MovedTable) -> Iterator[Rows]:
        """Yield all rows in the order of the key, but for those that are damaged."""

    def damaged(self) -> Sequence[Damage]:
        """Return the damaged rows that were met so far."""

    def sums_from_start(self) -> Collection[str]:
        """Return the migrations of the sums that every fact of the store is in."""


class MovableStore(Protocol):
    """A store whose rows can be read as they are."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open one view of it.

        Raises:
            Unavailable: it can't be read.
        """

    def leave(self, moved_to: str | None) -> None:
        """Mark it as one that was left, or take that mark away.

        Args:
            moved_to: where all that it holds is now, in words; None if it is used
                again.
        """


class Draft(Protocol):
    """What will be a store."""

    def check_vacant(self) -> None:
        """Require that the place that it is for holds nothing.

        Raises:
            Conflict: there is a store, or something else.
        """

    def begin(self, places: Iterable[Place]) -> None:
        """Throw an earlier draft away, and make empty tables.

        Raises:
            Unavailable: the place can't be written.
        """

    def fill(self, place: Place, table: MovedTable, batches: Iterable[Rows]) -> None:
        """Put rows into a table, in one transaction.

        Raises:
            Conflict: a value can't be kept there.
            Unavailable: the place can't be written.
        """

    def end(
        self, sums_from_start: Collection[str], pseudonym_key: bytes | None
    ) -> None:
        """Keep of which sums every fact is in, and the key; nothing is filled any more.

        Raises:
            Conflict: the place has the key of other pseudonyms.
        """

    def follow_stream(self, partitions: Sequence[str]) -> None:
        """Let the place in each file of the event log be that in a stream's source.

        What was read from the files is then left out where it comes by the stream.

        Args:
            partitions: of the stream.
        """

    def filled(self) -> MovableStore:
        """Return what was filled, to be read back."""

    def storage(self) -> Storage:
        """Return what was filled as a store; close it before `finish`."""

    def finish(self) -> None:
        """Put it in its place.

        Raises:
            Conflict: something has come to that place meanwhile.
            Unavailable: the place can't be written.
        """
