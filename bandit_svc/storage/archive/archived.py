"""Which joined decisions are in the archive, and what the archive is made of.

Owns the record of a file of the archive and the protocol that every backend
implements; see storage.interface for the words that hold of all protocols. The files of
an experiment hold consecutive spans of its joined order, from position 1 on. A file is
recorded once it was read back from the archive.
"""

from typing import NamedTuple, Protocol

import msgspec

from bandit_svc.storage.archive.below import Below, Besides
from bandit_svc.storage.rows import JoinedRow


class ArchivedFile(msgspec.Struct, frozen=True):
    """One file of the archive.

    Attributes:
        number: of the experiment.
        first, last: the joined positions that it covers; damaged ones are left out.
        day: on which they were joined, in UTC, as 2026-11-28.
        rows: joined decisions in it.
        size: in bytes.
        sha256: of its bytes, in hex.
        source: of the rows of the store that it was made of; see Archived.source.
        checked: the store's `changes` when that was last compared.
    """

    number: int
    first: int
    last: int
    day: str
    rows: int
    size: int
    sha256: str
    source: str
    checked: str


class Span(NamedTuple):
    """Joined positions that become one file, and the day of their joining."""

    first: int
    last: int
    day: str


class ArchiveRow(NamedTuple):
    """A joined decision with what the archive keeps besides.

    Attributes:
        counted: how many rewards counted.
        exposed_at_ms: when it was shown, from which its window counts.
        besides: what a look-up and sums need of it.
    """

    joined: JoinedRow
    counted: int
    exposed_at_ms: int
    besides: Besides


class Archived(Protocol):
    """The archive as the store knows it."""

    def files(self, number: int) -> list[ArchivedFile]:
        """Return the recorded files of an experiment, by position."""

    def keep(self, file: ArchivedFile) -> None:
        """Record a file; one of the same first position is replaced."""

    def due(self, number: int, now_ms: int, most: int) -> Span | None:
        """Return the next span that is complete, None where there is none.

        It is complete with `most` positions, or when the day of its joining is over.
        """

    def waits(self, number: int, now_ms: int, most: int) -> bool:
        """Return whether a file is to be written or compared; costs few look-ups."""

    def due_since_ms(self, number: int, now_ms: int) -> int | None:
        """Return since when the oldest span that the archive lacks is complete.

        None where there is none, and of a span that is complete by its number alone.
        """

    def outdated(self, number: int) -> list[ArchivedFile]:
        """Return the files that were not compared since the store has changed.

        Corrected rewards and erased units change what was joined before. Files of what
        was dropped are not among them: the store has nothing to compare them with.
        """

    def rows(self, number: int, position: int, limit: int) -> list[ArchiveRow]:
        """Return joined decisions after a position, in order.

        Those that are damaged are left out, and kept as damages; an empty list means
        that there are no more.
        """

    def source(self, number: int, first: int, last: int) -> str:
        """Return a digest of the stored rows of joined positions, in hex."""

    def changes(self, number: int) -> str:
        """Return a text that differs after any change to decisions joined before."""

    def dropped(self, number: int) -> int:
        """Return the last joined position that was dropped; 0 for none."""

    def drop(self, file: ArchivedFile) -> bool:
        """Let the archive alone have the positions of a file, from now on.

        Their rows are taken away by `remove`.

        Args:
            file: the next one behind what was dropped, as it is recorded.

        Returns:
            False, and nothing has changed, if it is not the next one, if its decisions
            may have changed since it was compared, or if corrections or an erasure
            wait.
        """

    def remove(self, number: int, most: int) -> int:
        """Take away rows of what was dropped; return of how many positions.

        Args:
            number: of the experiment.
            most: positions in this one transaction.
        """

    def dropped_place(self, decision_id: str) -> int | None:
        """Return the joined position of a dropped decision; None of any other.

        It is known until `forget_ids`.
        """

    def forget_ids(
        self, number: int, before_ms: int, after: bytes, most: int
    ) -> bytes | None:
        """Forget ids of dropped decisions that were joined before the day of a time.

        Args:
            number: of the experiment.
            before_ms: the time.
            after: what the slice before has returned; b"" for the first.
            most: ids that are looked at.

        Returns:
            Where the next slice begins; None behind the last.
        """

    def read_below(self, below: Below) -> None:
        """Read what was dropped from there, for all parts of this store."""
