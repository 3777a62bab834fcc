"""What a reader takes from the messages of a stream, by the rule of a run.

Owns a reader of a few lines, for tests of what is sent: it takes a run that begins at
or before what it knows of a source and ends behind it, and leaves out what it knows.
"""

import base64
import json
from collections.abc import Iterator
from typing import NamedTuple

from bandit_svc.domain.events.record import Record
from bandit_svc.eventlog.interface import START, Cursor
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import extent, stream_name
from bandit_svc.eventlog.stream.partitions import partition_names
from bandit_svc.eventlog.stream.shipment import NO_OUTBOX, Shipment, decode, unpack


class Taken(NamedTuple):
    """What was taken.

    Attributes:
        records: of each source in their order, by (partition of the stream, source).
        parts: bodies of shared parts by key.
        repeated: records that were left out.
    """

    records: dict[tuple[str, str], list[Record]]
    parts: dict[bytes, bytes]
    repeated: int

    def total(self) -> int:
        """Return how many records were taken."""
        return sum(map(len, self.records.values()))


def shipments(address: StreamAddress, partition: str) -> list[Shipment]:
    """Return all messages of a partition of the stream."""
    connection = Connection(address, "test")
    connection.open()
    try:
        return list(_shipments(connection, stream_name(address, partition)))
    finally:
        connection.close()


def take_all(address: StreamAddress) -> Taken:
    """Return what a reader takes that begins at the first message."""
    taken = Taken({}, {}, 0)
    repeated = 0
    for partition in partition_names(address.partitions):
        known: dict[str, Cursor] = {}
        for shipment in shipments(address, partition):
            runs, parts = unpack(shipment)
            taken.parts.update(parts)
            for run, records, sequences in runs:
                at = known.get(run.source, START)
                if run.source == NO_OUTBOX:
                    taken.records.setdefault((partition, ""), []).extend(records)
                    continue
                if not run.after <= at < run.upto:
                    repeated += len(records)
                    continue
                new = [
                    record
                    for record, sequence in zip(records, sequences, strict=True)
                    if sequence >= at.sequence
                ]
                repeated += len(records) - len(new)
                key = partition, run.source
                taken.records.setdefault(key, []).extend(new)
                known[run.source] = run.upto
    return taken._replace(repeated=repeated)


def _shipments(connection: Connection, stream: str) -> Iterator[Shipment]:
    held = extent(connection, stream)
    for sequence in range(held.first, held.last + 1):
        answer = connection.request(
            f"$JS.API.STREAM.MSG.GET.{stream}", json.dumps({"seq": sequence}).encode()
        )
        yield decode(base64.b64decode(json.loads(answer.data)["message"]["data"]))
