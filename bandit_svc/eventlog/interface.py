"""Where facts arrive: an append-only log in partitions.

Owns the protocols that the embedded files and a partitioned stream implement. A record
is a kind and bytes (the codec is domain/events/codec.py). Order is kept within a
partition and promised nowhere else.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.record import Record
from bandit_svc.domain.stream.mark import MARGIN_MS, Mark
from bandit_svc.eventlog.stream.shipment import Unpacked

__all__ = [
    "MARGIN_MS",
    "START",
    "Batch",
    "Cursor",
    "Damage",
    "EventLogReader",
    "EventLogWriter",
    "FirstAnswers",
    "FsyncMode",
    "PartitionStatus",
    "Record",
    "Sink",
    "Source",
]

FsyncMode = Literal["never", "interval", "always"]
"""When the embedded log is flushed to disk; see FileWriter."""


class Batch(NamedTuple):
    """Records of one partition in order, and where to go on."""

    records: Sequence[Record]
    cursor: Cursor
    torn: int
    """Last records of dead writers that were cut short, and were skipped."""
    damages: Sequence[Damage] = ()
    """What was lost between the records; each is given once."""
    remains: Mapping[Damage, bytes] = {}
    """The damaged bytes that are still there, or their beginning."""
    parts: Mapping[bytes, bytes] = {}
    """Bodies of the shared parts that the records name, by key."""
    sequences: Sequence[range] = ()
    """The sequence numbers of the records, in their order; () in format 1."""
    runs: Sequence[Unpacked] = ()
    """Of a stream, in place of `records`: what each message has of its sources."""
    marks: Sequence[tuple[str, Mark]] = ()
    """Of a stream: what its nodes said, in order; `seen_ms` is the caller's to fill."""


class PartitionStatus(NamedTuple):
    """One partition as an operator sees it."""

    partition: str
    alive: bool
    """True while its writer's process lives; of a stream, while it answers."""
    segments: int
    """Number of its files, or of a stream's messages."""
    bytes: int
    """Their size together, read and unread."""


class EventLogWriter(Protocol):
    """One process's end of the log. Thread-safe."""

    @property
    def partition(self) -> str:
        """The name of the partition that this writer owns."""

    def append(self, record: Record) -> None:
        """Make a record survive the death of this process, then return.

        Args:
            record: a fact, with the shared parts that are needed to read it.

        Raises:
            Unavailable: it can't be written now (disk full, log closed); no part
                of it will ever be read, except that a record which was written
                but not confirmed by the disk may be read whole. The next call
                tries again.
        """

    def append_all(self, records: Sequence[Record]) -> None:
        """Append records one after the other; it costs less than a call for each.

        Raises:
            Unavailable: as of `append`, for all of them: none will ever be read.
        """

    def close(self) -> None:
        """Flush and let go of the partition; idempotent."""


class EventLogReader(Protocol):
    """The learner's end of the log.

    Every method raises Unavailable while the log can't be read (files: LogUnreadable),
    and NewerFormat (a BanditError) where a newer version wrote it.
    """

    @property
    def is_stream(self) -> bool:
        """True where nodes send to it from outboxes of their own."""

    def partitions(self) -> list[str]:
        """Names of the partitions that hold records, oldest first."""

    def check_formats(self) -> None:
        """Require that this version can read every partition.

        What can't be read at the moment is passed over: it is named where it is read.

        Raises:
            NewerFormat: a newer version wrote one.
        """

    def end(self, partition: str) -> Cursor:
        """Return where the partition ends now; what was acknowledged lies before it.

        The partition of a dead writer ends behind its last segment, so that reading
        to its end compares it with what is known of it.
        """

    def read(self, partition: str, after: Cursor, max_bytes: int = 4_194_304) -> Batch:
        """Return the next records after a cursor; an empty batch at the end.

        A last record without its end is left for later while its writer lives, and
        skipped and counted in `torn` once the writer is dead. A damaged record is
        skipped and named in `damages`; what lies behind it is read.

        Raises:
            LogLost: the next messages of a stream are gone.
        """

    def watermark_ms(self, now_ms: int, marks: Collection[Mark] = ()) -> int:
        """Return the time before which no fact of a partition is missing.

        It holds once the partition was read to the end that it had after `now_ms`.

        Args:
            now_ms: read before the ends of the partitions were.
            marks: what the nodes of a stream last said there.
        """

    def silent(
        self, partition: str, now_ms: int, marks: Mapping[str, Mark]
    ) -> Mapping[str, Mark]:
        """Return the nodes of a stream that joining waits for no longer.

        Args:
            partition: was read to its end just now.
            now_ms: read before that.
            marks: what its nodes last said, by node.
        """

    def status(self) -> list[PartitionStatus]:
        """Describe every partition for an operator, oldest first."""

    def committed(self, partition: str, cursor: Cursor) -> bool:
        """Note that all before a cursor is in the store, and need not be kept.

        Files are deleted then: only whole segments, and with the last one a partition
        whose writer is dead. A stream keeps its messages until they are old enough.

        Returns:
            Whether the partition is gone, so that its cursor may be forgotten.
        """

    def released_facts(self, partitions: Collection[str]) -> int:
        """Return how many facts were in the partitions that disappeared by `committed`.

        Args:
            partitions: what `partitions` returned; those don't count.
        """

    def backlog_bytes(self, cursors: dict[str, Cursor]) -> int:
        """Return the number of bytes after these cursors (absent: from the start)."""

    def close(self) -> None:
        """Let go of what is open; the next call opens it again. Idempotent."""


Source = EventLogReader
"""The reading end, of files and of streams."""


class Sink(Protocol):
    """A node's writing end of a stream: what its shipper sends to. For one thread.

    Every method raises Unavailable where the stream can't be reached, refuses a message
    or does not acknowledge it in time; `open` then begins anew.
    """

    def open(self) -> None:
        """Connect, and count messages from 0: what was sent before is forgotten."""

    def send(self, partition: str, data: bytes) -> int:
        """Send a message without waiting for its acknowledgement.

        It is under way after the next `wait` at the latest. The call waits while too
        many messages are without one.

        Args:
            partition: of the stream.
            data: as `eventlog.stream.shipment.encode` returns it.

        Returns:
            The number of the message since `open`, from 1.
        """

    def acknowledged(self) -> int:
        """Return the number up to which every message was acknowledged."""

    def wait(self, timeout_s: float) -> None:
        """Take in acknowledgements, waiting at most so long for the first of them."""

    def close(self) -> None:
        """Let go of the connection; idempotent."""


class FirstAnswers(Protocol):
    """What several nodes ask which of them was the first to answer a request."""

    def claim(self, decision_id: str, record: bytes) -> bytes | None:
        """Keep an answer if it is the first to its request.

        Args:
            decision_id: made from the request's id, so that it is the same everywhere.
            record: a message with the decision, as `shipment.encode` returns it.

        Returns:
            None if it is the first; else the first one's message.

        Raises:
            Unavailable: nobody can be asked now.
        """

    def close(self) -> None:
        """Let go of the connections; idempotent."""
