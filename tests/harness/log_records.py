"""Records for tests of the event log, which never looks into them."""

from collections.abc import Iterable

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.record import DECISION, Record
from bandit_svc.eventlog.interface import START, EventLogReader

FRAME = 11
"""Bytes of a frame around the four of a numbered record."""


def record_of(payload: bytes) -> Record:
    """Return a record of any bytes, without shared parts."""
    return Record(DECISION, payload)


def payloads(records: Iterable[Record]) -> list[bytes]:
    """Return what records hold."""
    return [record.payload for record in records]


def numbered(count: int, first: int = 0) -> list[bytes]:
    """Return payloads of four bytes."""
    return [f"{number:04d}".encode() for number in range(first, first + count)]


class Everything:
    """What reading a partition to its end gave."""

    def __init__(self, reader: EventLogReader, partition: str) -> None:
        self.records: list[bytes] = []
        self.damages: list[Damage] = []
        self.torn = 0
        self.parts: dict[bytes, bytes] = {}
        self.cursor = START
        while self.cursor < reader.end(partition):
            batch = reader.read(partition, self.cursor, 100)
            if batch.cursor == self.cursor:
                break
            self.records += payloads(batch.records)
            self.damages += batch.damages
            self.torn += batch.torn
            self.parts |= batch.parts
            self.cursor = batch.cursor

    @property
    def named(self) -> list[tuple[str, int, int]]:
        """The damages by kind, segment and number of facts."""
        return [(d.what, d.segment, d.facts) for d in self.damages]
