"""When the disk is asked to keep what was written, and what follows if it can't."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import list_segments
from bandit_svc.eventlog.interface import START, FsyncMode
from tests.harness.file_writers import NewFileWriter, payloads, record_of
from tests.harness.waiting import GENEROUS_S

ReplaceDescriptor = Callable[[Path, str], None]
LastSegment = Callable[[str], Path]


class FsyncLog:
    """The paths that were fsynced, and an event for those who wait for one."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.happened = threading.Event()
        self._fsync = os.fsync

    def __call__(self, descriptor: int) -> None:
        self._fsync(descriptor)
        self.paths.append(os.path.realpath(f"/proc/self/fd/{descriptor}"))
        self.happened.set()


class FailureCount:
    """How many failures a writer has reported, and an event for the first."""

    def __init__(self) -> None:
        self.value = 0
        self.happened = threading.Event()

    def __call__(self) -> None:
        self.value += 1
        self.happened.set()


@pytest.fixture
def failures() -> FailureCount:
    return FailureCount()


@pytest.fixture
def fsyncs(monkeypatch: pytest.MonkeyPatch) -> FsyncLog:
    log = FsyncLog()
    monkeypatch.setattr(os, "fsync", log)
    return log


def test_never_leaves_it_to_the_kernel(
    new_file_writer: NewFileWriter, fsyncs: FsyncLog
) -> None:
    writer = new_file_writer(fsync="never", max_segment_bytes=10)
    for _ in range(5):
        writer.append(record_of(b"12345678"))
    writer.close()

    assert fsyncs.paths == []


def test_always_has_the_record_on_disk_before_append_returns(
    new_file_writer: NewFileWriter, fsyncs: FsyncLog, last_segment: LastSegment
) -> None:
    writer = new_file_writer(fsync="always")
    writer.append(record_of(b"first"))
    fsyncs.paths.clear()
    writer.append(record_of(b"second"))

    assert fsyncs.paths == [str(last_segment(writer.partition))]


def test_interval_flushes_in_the_background_without_another_append(
    new_file_writer: NewFileWriter, fsyncs: FsyncLog, last_segment: LastSegment
) -> None:
    writer = new_file_writer(fsync="interval", fsync_interval_ms=1)
    writer.append(record_of(b"first"))
    fsyncs.happened.clear()
    writer.append(record_of(b"second"))

    assert fsyncs.happened.wait(GENEROUS_S)
    assert fsyncs.paths[-1] == str(last_segment(writer.partition))


def test_interval_flushes_on_close_what_the_last_tick_left(
    new_file_writer: NewFileWriter, fsyncs: FsyncLog, last_segment: LastSegment
) -> None:
    writer = new_file_writer(fsync="interval", fsync_interval_ms=3_600_000)
    writer.append(record_of(b"first"))
    fsyncs.paths.clear()
    writer.close()

    assert fsyncs.paths == [str(last_segment(writer.partition))]


def test_interval_flushes_the_segments_that_were_left_too(
    new_file_writer: NewFileWriter, fsyncs: FsyncLog, log_root: Path
) -> None:
    writer = new_file_writer(
        fsync="interval", fsync_interval_ms=3_600_000, max_segment_bytes=10
    )
    for _ in range(3):
        writer.append(record_of(b"12345678"))
    fsyncs.paths.clear()
    writer.close()

    folder = log_root / writer.partition
    assert fsyncs.paths == [str(folder / f"0000000{n}.seg") for n in (1, 2, 3)]


@pytest.mark.parametrize("fsync", ["interval", "always"])
def test_a_new_segment_and_its_folders_are_on_disk_before_the_first_record(
    new_file_writer: NewFileWriter, fsyncs: FsyncLog, log_root: Path, fsync: FsyncMode
) -> None:
    writer = new_file_writer(fsync=fsync, fsync_interval_ms=3_600_000)
    writer.append(record_of(b"first"))

    folder = log_root / writer.partition
    assert fsyncs.paths[:3] == [
        str(log_root),
        str(folder / "00000001.seg"),
        str(folder),
    ]


def test_always_refuses_a_record_that_the_disk_did_not_confirm(
    new_file_writer: NewFileWriter,
    log_root: Path,
    last_segment: LastSegment,
    replace_descriptor: ReplaceDescriptor,
    failures: FailureCount,
) -> None:
    writer = new_file_writer(fsync="always", on_fsync_failure=failures)
    writer.append(record_of(b"before"))
    replace_descriptor(last_segment(writer.partition), "/dev/null")

    with pytest.raises(Unavailable, match="could not confirm"):
        writer.append(record_of(b"refused"))
    assert failures.value == 1

    writer.append(record_of(b"after"))
    assert failures.value == 1
    assert list_segments(log_root / writer.partition) == [1, 2]
    batch = FileReader(log_root).read(writer.partition, START)
    assert payloads(batch.records) == [b"before", b"after"]


def test_after_a_failed_background_fsync_the_next_segment_must_prove_the_disk(
    new_file_writer: NewFileWriter,
    log_root: Path,
    last_segment: LastSegment,
    replace_descriptor: ReplaceDescriptor,
    failures: FailureCount,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = new_file_writer(
        fsync="interval", fsync_interval_ms=1, on_fsync_failure=failures
    )
    writer.append(record_of(b"before"))
    replace_descriptor(last_segment(writer.partition), "/dev/null")
    writer.append(record_of(b"not confirmed"))
    assert failures.happened.wait(GENEROUS_S)
    assert failures.value == 1

    def refuse(descriptor: int) -> None:
        raise OSError(5, f"Input/output error on {descriptor}")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(Unavailable, match="Input/output error"):
            writer.append(record_of(b"refused"))
    writer.append(record_of(b"after"))

    # Segment 2 could not be flushed and was taken back; its number stays unused.
    assert list_segments(log_root / writer.partition) == [1, 3]
    batch = FileReader(log_root).read(writer.partition, START)
    assert payloads(batch.records) == [b"before", b"after"]


def test_a_failed_fsync_at_close_is_counted(
    new_file_writer: NewFileWriter,
    last_segment: LastSegment,
    replace_descriptor: ReplaceDescriptor,
    failures: FailureCount,
) -> None:
    writer = new_file_writer(
        fsync="interval", fsync_interval_ms=3_600_000, on_fsync_failure=failures
    )
    writer.append(record_of(b"before"))
    replace_descriptor(last_segment(writer.partition), "/dev/null")
    writer.close()

    assert failures.value == 1


def test_no_thread_exists_before_the_first_append(
    new_file_writer: NewFileWriter,
) -> None:
    before = threading.active_count()
    writer = new_file_writer(fsync="interval")
    without_append = threading.active_count()
    writer.append(record_of(b"first"))
    with_append = threading.active_count()
    writer.close()

    assert (without_append, with_append) == (before, before + 1)
    assert threading.active_count() == before
