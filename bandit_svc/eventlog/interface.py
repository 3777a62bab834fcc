"""Where facts arrive: an append-only log in partitions.

Owns the protocol that the embedded files and, later, a partitioned stream
implement. A record is bytes (one JSON line without its newline; the codec is
domain/events/event.py). Order is kept within a partition and promised nowhere else.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from bandit_svc.domain.events.cursor import START, Cursor

__all__ = ["START", "Batch", "Cursor", "EventLogReader", "EventLogWriter", "FsyncMode"]

FsyncMode = Literal["never", "interval", "always"]
"""When the embedded log is flushed to disk; see FileWriter."""


class Batch(NamedTuple):
    """Records of one partition in order, and where to go on."""

    records: Sequence[bytes]
    cursor: Cursor
    torn: int
    """Last lines of dead writers that were cut short, and were skipped."""


class EventLogWriter(Protocol):
    """One process's end of the log. Thread-safe."""

    @property
    def partition(self) -> str:
        """The name of the partition that this writer owns."""

    def append(self, record: bytes) -> None:
        """Make a record survive the death of this process, then return.

        Args:
            record: one JSON document without a newline byte.

        Raises:
            Unavailable: it can't be written now (disk full, log closed); no part
                of it will ever be read, except that a record which was written
                but not confirmed by the disk may be read whole. The next call
                tries again.
        """

    def close(self) -> None:
        """Flush and let go of the partition; idempotent."""


class EventLogReader(Protocol):
    """The learner's end of the log.

    Every method raises Unavailable while the log can't be read.
    """

    def partitions(self) -> list[str]:
        """Names of the partitions that hold records, oldest first."""

    def end(self, partition: str) -> Cursor:
        """Where the partition ends now; what was acknowledged lies before it."""

    def read(self, partition: str, after: Cursor, max_bytes: int = 4_194_304) -> Batch:
        """Return the next records after a cursor; an empty batch at the end.

        A last line without its end is left for later while its writer lives, and
        skipped and counted in `torn` once the writer is dead.
        """

    def release(self, partition: str, before: Cursor) -> bool:
        """Delete what lies before a cursor that is committed to the store.

        Only whole segments are deleted. A partition whose writer is dead and
        that was read to its end disappears.

        Returns:
            Whether the partition is gone, so that its cursor may be forgotten.
        """

    def backlog_bytes(self, cursors: dict[str, Cursor]) -> int:
        """Return the number of bytes after these cursors (absent: from the start)."""
