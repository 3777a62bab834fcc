"""What the archive alone has: joined decisions that were dropped from the store.

Owns the protocol by which the store reads them, and its place in a store. Everything
that reads joined decisions asks the store, which reads below what it has dropped from
here, so that no reader can pass over a part of the joined order.
"""

from collections.abc import Collection
from typing import NoReturn, Protocol

import msgspec

from bandit_svc.errors import Unprocessable
from bandit_svc.storage.ranges import Made
from bandit_svc.storage.rows import ClosedRow, DecisionView, JoinedRow, RewardRow


class Besides(msgspec.Struct, frozen=True):
    """What the archive keeps of a joined decision besides what is learned from.

    Attributes:
        exposed_at_ms: when it was shown, from which its window counts.
        joined_at_ms: when it was joined.
        closes_after_ms: from its exposure to the end of its window.
        rewards: all of them, late ones too, as a look-up shows them.
    """

    exposed_at_ms: int
    joined_at_ms: int
    closes_after_ms: int
    rewards: tuple[RewardRow, ...] = ()


class Below(Protocol):
    """Reads joined decisions that were dropped from the store."""

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """Return dropped decisions after a position, in order; none behind the last.

        Raises:
            Unprocessable: the archive can't be read.
        """

    def closed_after(
        self, number: int, position: int, limit: int, made: Made
    ) -> list[ClosedRow]:
        """Return the same as they were due; see JoinedOrder.closed_after.

        Raises:
            Unprocessable: the archive can't be read.
        """

    def view(self, number: int, position: int, slot: int) -> DecisionView | None:
        """Return a dropped decision, or a slot of a page; None if there is none.

        Raises:
            Unprocessable: the archive can't be read.
        """

    def decisions_of(self, ids: Collection[str]) -> list[str]:
        """Return the ids of the dropped decisions of units.

        Raises:
            Unprocessable: the archive can't be read.
        """


class NoArchive:
    """A process without an archive."""

    def after(self, number: int, position: int, limit: int) -> NoReturn:
        """See Below."""
        del position, limit
        raise _out_of_reach(number)

    def closed_after(
        self, number: int, position: int, limit: int, made: Made
    ) -> NoReturn:
        """See Below."""
        del position, limit, made
        raise _out_of_reach(number)

    def view(self, number: int, position: int, slot: int) -> NoReturn:
        """See Below."""
        del position, slot
        raise _out_of_reach(number)

    def decisions_of(self, ids: Collection[str]) -> NoReturn:
        """See Below."""
        del ids
        raise _out_of_reach(None)


class Reached:
    """The place in a store where it finds what it has dropped.

    Attributes:
        order: reads it.
    """

    def __init__(self) -> None:
        self.order: Below = NoArchive()


def _out_of_reach(number: int | None) -> Unprocessable:
    of = "" if number is None else f" of the experiment of number {number}"
    return Unprocessable(
        f"joined decisions{of} were dropped from the store, and are in the archive "
        "alone, of which this process knows nothing; set BANDIT_ARCHIVE to its URL"
    )
