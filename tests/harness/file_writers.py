"""Writers and records of the file log, as tests open and read them.

Owns the types of the fixtures of tests/eventlog, and records of any bytes: the log
never looks into them.
"""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.record import DECISION, Record
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import START, Cursor, EventLogReader, FsyncMode

FRAME = 11
"""Bytes of a frame around the four of a numbered record."""


class WriterSettings(TypedDict, total=False):
    """Settings of a writer; the fixture has defaults for all."""

    fsync: FsyncMode
    fsync_interval_ms: int
    max_segment_bytes: int
    on_fsync_failure: Callable[[], None]
    on_foreign_change: Callable[[], None]


class NewFileWriter(Protocol):
    """Open a writer of the test's log, or of another folder."""

    def __call__(
        self, root: Path = ..., **settings: Unpack[WriterSettings]
    ) -> FileWriter: ...


class StartWriter(Protocol):
    """Start writer_process.py with a scenario and its settings."""

    def __call__(
        self, scenario: str, **settings: object
    ) -> subprocess.Popen[bytes]: ...


class ReadAll(Protocol):
    """Read a partition to its end: its records, the torn count, the cursor."""

    def __call__(
        self,
        reader: EventLogReader,
        partition: str,
        after: Cursor = START,
        max_bytes: int = ...,
    ) -> tuple[list[bytes], int, Cursor]: ...


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
