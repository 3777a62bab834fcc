"""The reading end of a stream.

Owns what a partition's messages mean, where it ends, and that a gap in it is never
passed over in silence. It keeps no place of its own: the store's cursors are the only
ones, and a message stays in the stream until it is old enough.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.packing import Malformed
from bandit_svc.domain.stream.mark import Mark, NodeState, fallen_silent, watermark_of
from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.interface import Batch, Cursor, PartitionStatus
from bandit_svc.eventlog.stream.messages import Extent, Messages, Stored
from bandit_svc.eventlog.stream.partitions import partition_names
from bandit_svc.eventlog.stream.shipment import Unpacked, decode, unpack

SOURCE_TIMEOUT_MS: Final = 60_000
"""So long joining waits for a node of which nothing comes."""
_DEFAULT_READ_BYTES: Final = 4_194_304
_TRY_AGAIN_S: Final = 1.0


class StreamSource:
    """All partitions of one stream; implements EventLogReader. For one thread."""

    def __init__(
        self,
        messages: Messages,
        partitions: int,
        source_timeout_ms: int = SOURCE_TIMEOUT_MS,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe the source; nothing is opened yet.

        Args:
            messages: of the stream.
            partitions: how many it has, besides that of units.
            source_timeout_ms: how long joining waits for a node that is silent.
            clock_s: a clock that never steps, in seconds.
        """
        self._messages = messages
        self._names = partition_names(partitions)
        self._timeout_ms = source_timeout_ms
        self._clock_s = clock_s
        self._fault: Unavailable | None = None
        self._try_at_s = 0.0
        self._since_ms: dict[str, int] = {}

    @property
    def is_stream(self) -> bool:
        """True: nodes send to it from their outboxes."""
        return True

    def partitions(self) -> list[str]:
        """Return the names of all partitions; they never change."""
        return list(self._names)

    def check_formats(self) -> None:
        """Do nothing: each message says its format, where it is read."""

    def end(self, partition: str) -> Cursor:
        """Return the place behind the newest message; see the interface."""
        return Cursor(0, self._extent(partition).last)

    def read(
        self, partition: str, after: Cursor, max_bytes: int = _DEFAULT_READ_BYTES
    ) -> Batch:
        """Return the messages behind a cursor; see the interface."""
        try:
            self._open()
            messages = self._messages.fetch(partition, after.offset, max_bytes)
        except Unavailable:
            self._since_ms.pop(partition, None)
            raise
        if not messages:
            return Batch((), after, 0)
        return _batch(partition, after, messages)

    def committed(
        self,
        partition: str,  # noqa: ARG002 - a stream deletes by age alone
        cursor: Cursor,  # noqa: ARG002
    ) -> bool:
        """Keep everything; see the interface."""
        return False

    def released_facts(
        self,
        partitions: Collection[str],  # noqa: ARG002 - none of them disappears
    ) -> int:
        """Return 0: no partition disappears."""
        return 0

    def backlog_bytes(self, cursors: Mapping[str, Cursor]) -> int:
        """Return about how many bytes are behind cursors; see the interface.

        A stream does not tell the size of a part of it: the share of the messages.
        """
        total = 0.0
        for partition in self.partitions():
            held = self._extent(partition)
            kept = held.last - held.first + 1
            read = cursors[partition].offset if partition in cursors else 0
            if kept > 0:
                total += held.bytes * min(1.0, max(0, held.last - read) / kept)
        return round(total)

    def status(self) -> list[PartitionStatus]:
        """Describe every partition; see the interface."""
        found = []
        for partition in self.partitions():
            try:
                held = self._extent(partition)
            except Unavailable:
                alive, count, size = False, 0, 0
            else:
                alive, count, size = True, held.last - held.first + 1, held.bytes
            found.append(PartitionStatus(partition, alive, count, size))
        return found

    def watermark_ms(self, now_ms: int, marks: Collection[Mark] = ()) -> int:
        """Return the least mark of the nodes that live; see the interface."""
        return watermark_of(marks, now_ms)

    def silent(
        self, partition: str, now_ms: int, marks: Mapping[str, Mark]
    ) -> Mapping[str, Mark]:
        """Return the nodes of which nothing came for too long; see the interface.

        The time in which the stream could not be read does not count.
        """
        since_ms = self._since_ms.setdefault(partition, now_ms)
        return fallen_silent(marks, now_ms, since_ms, self._timeout_ms)

    def close(self) -> None:
        """Let go of the connection; idempotent."""
        self._messages.close()

    def _extent(self, partition: str) -> Extent:
        try:
            self._open()
            return self._messages.extent(partition)
        except Unavailable:
            self._since_ms.pop(partition, None)
            raise

    def _open(self) -> None:
        """Connect; ask no server again for a second where none has answered.

        Raises:
            Unavailable: none of them answers.
        """
        if self._fault is not None and self._clock_s() < self._try_at_s:
            raise self._fault
        self._fault = None
        try:
            self._messages.open()
        except Unavailable as error:
            self._fault = error
            self._try_at_s = self._clock_s() + _TRY_AGAIN_S
            raise


def _batch(partition: str, after: Cursor, messages: Sequence[Stored]) -> Batch:
    """Return what messages hold, from the one behind a cursor on.

    Raises:
        LogLost: the first one is not that one, or is damaged.
    """
    runs: list[Unpacked] = []
    parts: dict[bytes, bytes] = {}
    marks: list[tuple[str, Mark]] = []
    damages: list[Damage] = []
    at = after.offset
    for message in messages:
        number = message.number
        if number != at + 1:
            if at > after.offset:
                # The next call begins there, and says so.
                break
            raise LogLost(partition, at + 1, number - 1, number - 1)
        at = number
        try:
            shipment = decode(message.data)
            unpacked, bodies = unpack(shipment)
        except Malformed as error:
            if at > after.offset + 1:
                # The next call begins there, and says so.
                at = number - 1
                break
            raise LogLost(partition, number, number, number) from error
        runs += unpacked
        parts |= bodies
        damages += shipment.damages
        if shipment.node:
            stamped_ms = message.stamped_ms
            ahead_ms = 0 if stamped_ms is None else shipment.sent_ms - stamped_ms
            state: NodeState = "closed" if shipment.closed else "live"
            link = shipment.chain, shipment.number
            mark = Mark(shipment.mark_ms, 0, state, ahead_ms, *link)
            marks.append((shipment.node, mark))
    cursor = Cursor(0, at)
    return Batch((), cursor, 0, damages, {}, parts, (), runs, marks)
