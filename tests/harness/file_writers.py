"""Writers of the file log, as tests open them.

Owns the types of the fixtures of tests/eventlog.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import START, Cursor, EventLogReader, FsyncMode


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
