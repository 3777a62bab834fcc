"""What a move needs, and what it came to.

Owns the values; move_store does the work.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bandit_svc.storage.interface import Storage
from bandit_svc.storage.moving.sides import Draft, MovableStore
from bandit_svc.storage.moving.tables import Place


class MovePorts(NamedTuple):
    """Both stores of a move.

    Attributes:
        left: the store that is left, and its rows.
        draft: of the one that begins.
        place: where it will be, in words without a password.
        partitions: of the stream that will be read in place of the files; none if the
            files go on being read.
    """

    left: Storage
    rows: MovableStore
    draft: Draft
    place: str
    partitions: Sequence[str] = ()


class MoveSteps(NamedTuple):
    """What happens on the way.

    Attributes:
        show: told how many rows are done, of how many, and what is being done.
        verify: called with the new store before it takes its place.
    """

    show: Callable[[int, int, str], None]
    verify: Callable[[Storage], None]


class MovedRows(NamedTuple):
    """One table that was moved: its rows, and their hash on both sides."""

    place: Place
    table: str
    rows: int
    sha256: str


class Moved(NamedTuple):
    """What a move came to.

    Attributes:
        tables: each of them.
        models: how many kept models have the same bytes on both sides.
        left_behind: damaged rows that an operator has acknowledged, and are gone.
    """

    tables: Sequence[MovedRows]
    models: int
    left_behind: int

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(one.rows for one in self.tables)
