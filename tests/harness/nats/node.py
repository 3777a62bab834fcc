"""A node without processes: its workers' ends of the outbox, and its shipper.

Owns their settings, and records that only their experiment and their place tell apart.
What dies is forgotten, as with a process that is killed.
"""

import secrets
from pathlib import Path

from bandit_svc.domain.events.decision_id import DecisionIds
from bandit_svc.domain.events.record import DECISION, REWARD, Part, Record, part_of
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.nats.sink import JetSink
from bandit_svc.eventlog.stream.outbox import Outbox
from bandit_svc.eventlog.stream.partitions import number_in, partition_of
from bandit_svc.eventlog.stream.shipper import Shipper

NOW_MS = 1_790_000_000_000
NAME = "node-1"
PART = part_of(b"experiment 1, revision 2")
_IDS = DecisionIds(bytes(32))
_NO_FIELDS = b"\0"


def decision(number: int, at: int, part: Part = PART) -> Record:
    """Return a decision of an experiment, the one of a place."""
    return Record(DECISION, _payload(number, at, part), (part,))


def reward(number: int, at: int) -> Record:
    """Return a reward of an experiment, the one of a place."""
    return Record(REWARD, _payload(number, at))


def _payload(number: int, at: int, part: Part = PART) -> bytes:
    raw = _IDS.issue_raw(number, NOW_MS + at, at.to_bytes(9, "big"), deferred=False)
    return raw + part.key + _NO_FIELDS


def partition_in(address: StreamAddress, record: Record) -> str:
    """Return the partition of the stream that a record belongs to."""
    number = number_in(record)
    return "u0" if number is None else partition_of(number, address.partitions)


class Node:
    """One data folder. Keeps what each writer was given, by its partition."""

    def __init__(self, data: Path, stream: StreamAddress) -> None:
        self.data = data
        self.log = data / "log"
        self.stream = stream
        self.written: dict[str, list[Record]] = {}
        self.writers: list[FileWriter] = []
        self.shipper = self.new_shipper()

    def new_writer(self, max_segment_bytes: int = 65_536) -> FileWriter:
        """Start a worker's end of the outbox."""
        started = FileWriter(
            self.log,
            now_ms=NOW_MS,
            suffix=secrets.token_hex(4),
            fsync="never",
            fsync_interval_ms=100,
            max_segment_bytes=max_segment_bytes,
        )
        self.writers.append(started)
        return started

    def new_shipper(self) -> Shipper:
        """Return a shipper as a new process makes it."""
        self.shipper = Shipper(
            FileReader(self.log),
            JetSink(self.stream, "test"),
            Outbox(self.data),
            NAME,
            self.stream.partitions,
        )
        return self.shipper

    def append(self, writer: FileWriter, *records: Record) -> None:
        """Append records, and keep in mind which."""
        writer.append_all(records)
        self.written.setdefault(writer.partition, []).extend(records)

    def end(self, writer: FileWriter) -> None:
        """End a worker."""
        self.writers.remove(writer)
        writer.close()

    def settle(self, now_ms: int) -> None:
        """Take in acknowledgements until all is acknowledged."""
        while self.shipper.waits:
            self.shipper.acknowledge(now_ms, 1.0)

    def finished(self, now_ms: int) -> bool:
        """Send the rest; return whether the stream took it."""
        try:
            self.shipper.finish(now_ms)
        except Unavailable:
            return False
        return True

    def close(self) -> None:
        """End everything."""
        for writer in list(self.writers):
            self.end(writer)
        self.shipper.close()
