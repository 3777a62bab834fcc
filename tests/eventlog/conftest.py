"""Writers, readers and child processes for the event log's tests.

The fixtures `new_writer` and `new_reader` are all that the contract suite knows of
a backend; a stream will be one more parameter here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Unpack

import pytest

from bandit_svc.eventlog.files.frames import HEADER_FRAME_BYTES
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import list_segments, segment_name
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import (
    START,
    Cursor,
    EventLogReader,
    EventLogWriter,
)
from tests.harness.file_writers import (
    FRAME,
    NewFileWriter,
    ReadAll,
    StartWriter,
    WriterSettings,
    numbered,
    payloads,
    record_of,
)

Die = Callable[[FileWriter], None]
WRITER_PROCESS = Path(__file__).parent / "writer_process.py"


@pytest.fixture
def log_root(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def new_file_writer(log_root: Path) -> Iterator[NewFileWriter]:
    """Make writers whose names sort in the order of the calls; close them after."""
    writers: list[FileWriter] = []

    def make(root: Path = log_root, **settings: Unpack[WriterSettings]) -> FileWriter:
        now_ms = 1_700_000_000_000 + len(writers)
        settings.setdefault("fsync", "interval")
        settings.setdefault("fsync_interval_ms", 100)
        settings.setdefault("max_segment_bytes", 64_000_000)
        writer = FileWriter(root, now_ms=now_ms, suffix="ab12", **settings)
        writers.append(writer)
        return writer

    yield make
    for writer in writers:
        writer.close()


@pytest.fixture
def die() -> Callable[[FileWriter], None]:
    """End a writer as SIGKILL would: nothing more is written."""
    return lambda writer: writer._abandon_in_child()  # noqa: SLF001 (no process dies)


@pytest.fixture
def three_segments(new_file_writer: NewFileWriter, die: Die) -> FileWriter:
    """A dead writer's 30 records in three segments of ten, the last one open."""
    writer = new_file_writer(
        fsync="never", max_segment_bytes=HEADER_FRAME_BYTES + 10 * FRAME
    )
    for record in numbered(30):
        writer.append(record_of(record))
    die(writer)
    return writer


@pytest.fixture(params=["files"])
def new_writer(
    new_file_writer: NewFileWriter,
) -> Callable[[], EventLogWriter]:
    return lambda: new_file_writer(max_segment_bytes=1000, fsync="never")


@pytest.fixture
def new_reader(log_root: Path) -> Callable[[], EventLogReader]:
    return lambda: FileReader(log_root)


@pytest.fixture
def read_all() -> ReadAll:
    """Read a partition to its end: its records, the torn count, the cursor."""

    def read(
        reader: EventLogReader,
        partition: str,
        after: Cursor = START,
        max_bytes: int = 4_194_304,
    ) -> tuple[list[bytes], int, Cursor]:
        records: list[bytes] = []
        torn = 0
        while True:
            batch = reader.read(partition, after, max_bytes)
            records += payloads(batch.records)
            torn += batch.torn
            after = batch.cursor
            if not batch.records:
                return records, torn, after

    return read


@pytest.fixture
def last_segment(log_root: Path) -> Callable[[str], Path]:
    """Return the path of the newest segment of a partition."""

    def find(partition: str) -> Path:
        folder = log_root / partition
        return folder / segment_name(list_segments(folder)[-1])

    return find


@pytest.fixture
def replace_descriptor() -> Callable[[Path, str], None]:
    """Put another file behind this process's open descriptor of a path.

    So the kernel itself refuses: /dev/full takes no byte and can't be truncated,
    /dev/null takes every byte and can't be fsynced.
    """

    def replace(path: Path, device: str) -> None:
        for entry in Path("/proc/self/fd").iterdir():
            # Entries may vanish while we look: listing opens a descriptor too.
            if os.path.realpath(entry) == str(path.resolve()):
                source = os.open(device, os.O_WRONLY)
                os.dup2(source, int(entry.name), inheritable=False)
                os.close(source)
                return
        raise LookupError(path)

    return replace


@pytest.fixture
def start_process(log_root: Path) -> Iterator[StartWriter]:
    """Start writer_process.py with a scenario and its settings; kill it after."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(scenario: str, **settings: object) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                sys.executable,
                str(WRITER_PROCESS),
                scenario,
                str(log_root),
                json.dumps(settings),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
