"""Read the streams of JetStream by the numbers of their messages.

Owns how messages are fetched: from any server that has a copy (JetStream's direct
access), many with one request. A server that is behind gives fewer.
"""

import time
from datetime import datetime
from typing import Final

import msgspec

from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.messages import Extent, Stored
from bandit_svc.eventlog.stream.nats.connection import CONNECT_S, Connection
from bandit_svc.eventlog.stream.nats.jetstream import extent, stream_name
from bandit_svc.eventlog.stream.nats.protocol import Message, publish

MOST_MESSAGES: Final = 256
"""Of one answer."""

_NOT_FOUND: Final = 404
_END_OF_BATCH: Final = 204
_encode = msgspec.json.Encoder().encode


class JetMessages:
    """See eventlog.stream.messages.Messages."""

    def __init__(self, address: StreamAddress, name: str) -> None:
        """Describe the reader; nothing is opened yet.

        Args:
            address: of the stream.
            name: of this reader, for the server's monitoring.
        """
        self._address = address
        self._connection = Connection(address, name)

    def open(self) -> None:
        """Connect to a server that answers; see the interface."""
        self._connection.open()

    def extent(self, partition: str) -> Extent:
        """Return what a partition holds now; see the interface."""
        return extent(self._connection, stream_name(self._address, partition))

    def fetch(self, partition: str, after: int, max_bytes: int) -> list[Stored]:
        """Return the next messages of a partition; see the interface."""
        messages = self._fetch(partition, after + 1, max_bytes)
        if not messages:
            self._require(partition, after)
        return [
            Stored(
                int(_header(message, b"Nats-Sequence: ")),
                _stamp_ms(_header(message, b"Nats-Time-Stamp: ")),
                message.data,
            )
            for message in messages
        ]

    def close(self) -> None:
        """Let go of the connection; idempotent."""
        self._connection.close()

    def _require(self, partition: str, after: int) -> None:
        """Raise LogLost where no message behind a number can come any more."""
        held = self.extent(partition)
        first = after + 1
        if held.last < after:
            raise LogLost(partition, held.last + 1, after, held.first - 1)
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
