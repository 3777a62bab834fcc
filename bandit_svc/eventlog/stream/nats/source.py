"""The reading end of a stream in JetStream.

Owns how messages are fetched, where a partition ends, and that a gap in it is never
passed over in silence. It keeps no place of its own: the store's cursors are the only
ones, and a message stays in the stream until it is old enough.

Messages are fetched by their number from any server that has a copy (JetStream's direct
access), many with one request. A server that is behind gives fewer.
"""

import time
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import msgspec

from bandit_svc.domain.events.damage import IN_STREAM, Damage
from bandit_svc.domain.events.packing import Malformed
from bandit_svc.domain.stream.mark import Mark, NodeState, fallen_silent, watermark_of
from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.interface import Batch, Cursor, PartitionStatus
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.nats.connection import CONNECT_S, Connection
from bandit_svc.eventlog.stream.nats.jetstream import Extent, extent, stream_name
from bandit_svc.eventlog.stream.nats.protocol import Message, publish
from bandit_svc.eventlog.stream.partitions import partition_names
from bandit_svc.eventlog.stream.shipment import Unpacked, decode, unpack

SOURCE_TIMEOUT_MS: Final = 60_000
"""So long joining waits for a node of which nothing comes."""
MOST_MESSAGES: Final = 256
"""Of one batch."""
_DEFAULT_READ_BYTES: Final = 4_194_304

_NOT_FOUND: Final = 404
_END_OF_BATCH: Final = 204
_encode = msgspec.json.Encoder().encode


class StreamSource:
    """All partitions of one stream; implements EventLogReader. For one thread."""

    def __init__(
        self,
        address: StreamAddress,
        name: str,
        source_timeout_ms: int = SOURCE_TIMEOUT_MS,
    ) -> None:
        """Describe the source; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this reader, for the server's monitoring.
            source_timeout_ms: how long joining waits for a node that is silent.
        """
        self._address = address
        self._connection = Connection(address, name)
        self._timeout_ms = source_timeout_ms
        self._fault: Unavailable | None = None
        self._since_ms: dict[str, int] = {}

    @property
    def is_stream(self) -> bool:
        """True: nodes send to it from their outboxes."""
        return True

    def partitions(self) -> list[str]:
        """Return the names of all partitions; they never change."""
        self._fault = None
        return partition_names(self._address.partitions)

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
            messages = self._fetch(partition, after.offset + 1, max_bytes)
        except Unavailable:
            self._since_ms.pop(partition, None)
            raise
        if not messages:
            self._require(partition, after)
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
        self._connection.close()

    def _extent(self, partition: str) -> Extent:
        try:
            self._open()
            return extent(self._connection, stream_name(self._address, partition))
        except Unavailable:
            self._since_ms.pop(partition, None)
            raise

    def _open(self) -> None:
        """Connect; ask no server again in this round where none has answered.

        Raises:
            Unavailable: none of them answers.
        """
        if self._fault is not None:
            raise self._fault
        try:
            self._connection.open()
        except Unavailable as error:
            self._fault = error
            raise

    def _require(self, partition: str, after: Cursor) -> None:
        """Raise LogLost where no message behind a cursor can come any more."""
        held = self._extent(partition)
        first = after.offset + 1
        if held.last < after.offset:
            raise LogLost(partition, held.last + 1, after.offset, held.first - 1)
        if held.first > first:
            raise LogLost(partition, first, held.first - 1, held.first - 1)

    def _fetch(self, partition: str, first: int, max_bytes: int) -> list[Message]:
        """Return the next messages from a number on, none where there is none yet."""
        connection = self._connection
        inbox = connection.new_inbox()
        asked = {"seq": first, "batch": MOST_MESSAGES, "max_bytes": max_bytes}
        subject = f"$JS.API.DIRECT.GET.{stream_name(self._address, partition)}"
        connection.send(publish(subject, _encode(asked), inbox))
        found: list[Message] = []
        deadline_s = time.monotonic() + CONNECT_S
        while (left_s := deadline_s - time.monotonic()) > 0:
            for message in connection.receive(left_s):
                if message.subject != inbox:
                    continue
                deadline_s = time.monotonic() + CONNECT_S
                match message.status:
                    case 0:
                        found.append(message)
                    case status if status in {_NOT_FOUND, _END_OF_BATCH}:
                        return found
                    case status:
                        raise Unavailable(
                            f"partition {partition} of the stream can't be read: the "
                            f"server answers {status}"
                        )
        # What came is in order, but the end of the batch is not known.
        connection.close()
        raise Unavailable(
            f"partition {partition} of the stream can't be read: no answer within "
            f"{CONNECT_S:g} s"
        )


def _batch(partition: str, after: Cursor, messages: list[Message]) -> Batch:
    """Return what messages hold, from the one behind a cursor on.

    Raises:
        LogLost: the first one is not that one.
    """
    runs: list[Unpacked] = []
    parts: dict[bytes, bytes] = {}
    marks: list[tuple[str, Mark]] = []
    damages: list[Damage] = []
    remains: dict[Damage, bytes] = {}
    at = after.offset
    for message in messages:
        number = int(_header(message, b"Nats-Sequence: "))
        if number != at + 1:
            if at > after.offset:
                # The next call begins there, and says so.
                break
            raise LogLost(partition, at + 1, number - 1, number - 1)
        at = number
        try:
            shipment = decode(message.data)
            unpacked, bodies = unpack(shipment)
        except Malformed:
            size = len(message.data)
            damage = Damage(
                partition, 0, at, 0, size, "changed", at_least=True, format=IN_STREAM
            )
            damages.append(damage)
            remains[damage] = message.data
            continue
        runs += unpacked
        parts |= bodies
        damages += shipment.damages
        if shipment.node:
            stamped_ms = _stamp_ms(_header(message, b"Nats-Time-Stamp: "))
            ahead_ms = shipment.sent_ms - stamped_ms
            state: NodeState = "closed" if shipment.closed else "live"
            marks.append((shipment.node, Mark(shipment.mark_ms, 0, state, ahead_ms)))
    cursor = Cursor(0, at)
    return Batch((), cursor, 0, damages, remains, parts, (), runs, marks)


def _header(message: Message, name: bytes) -> str:
    """Return a header of a message, which the server has put there.

    Raises:
        Unavailable: it has not.
    """
    begin = message.headers.find(name)
    if begin < 0:
        raise Unavailable(
            f"the stream's server sends messages without {name.decode()!r}; it has to "
            "be nats-server 2.11 or newer"
        )
    begin += len(name)
    return message.headers[begin : message.headers.index(b"\r\n", begin)].decode()


def _stamp_ms(text: str) -> int:
    """Return the milliseconds of a stamp such as `2026-11-29T02:41:09.123456789Z`."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(f"{whole}+00:00").timestamp()
    return round(seconds) * 1000 + int(fraction[:3].ljust(3, "0"))
