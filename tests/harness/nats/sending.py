"""Messages of nodes, sent to a real stream as a shipper does, one after the other."""

from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import Record
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.filling import Packing
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import (
    acknowledgement,
    make_streams,
    subject_of,
)
from bandit_svc.eventlog.stream.shipment import Shipment, encode


class Stretch(NamedTuple):
    """A stretch of one source from cursor to cursor: its records, by number."""

    source: str
    after: Cursor
    upto: Cursor
    records: Sequence[tuple[int, Record]]


def stretch(source: str, records: Sequence[Record], first: int = 0) -> Stretch:
    """Return a stretch of records that follow each other, `first` behind the start."""
    after = Cursor(1, 100 + first, first) if first else START
    last = first + len(records)
    upto = Cursor(1, 100 + last, last)
    return Stretch(source, after, upto, list(enumerate(records, first)))


def message(
    node: str,
    stretches: Sequence[Stretch] = (),
    *,
    mark_ms: int = 0,
    sent_ms: int = 0,
    closed: bool = False,
    link: tuple[int, int] = (0, 0),
) -> Shipment:
    """Return a message of a node; `link` is its chain and its number in that."""
    packing = Packing()
    for one in stretches:
        run = packing.begin(one.source, one.after)
        for sequence, record in one.records:
            run.add(record, sequence)
        run.put_parts({p.key: p.body for _, r in one.records for p in r.parts})
        packing.end(run, one.upto)
    return packing.shipment(node, sent_ms, mark_ms, closed=closed, link=link)


class Sender:
    """Sends to the streams of an address, and makes them first."""

    def __init__(self, address: StreamAddress) -> None:
        self._address = address
        self._connection = Connection(address, "sender")
        self._connection.open()
        make_streams(self._connection, address)

    def send(self, partition: str, sent: Shipment | bytes) -> int:
        """Send a message and return its number in the partition."""
        data = sent if isinstance(sent, bytes) else encode(sent)
        self._connection.open()
        subject = subject_of(self._address, partition)
        return acknowledgement(self._connection.request(subject, data)).sequence

    def ask(self, what: str, body: bytes = b"") -> bytes:
        """Ask something of JetStream, such as `STREAM.PURGE.NAME`."""
        return self._connection.request(f"$JS.API.{what}", body).data

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
