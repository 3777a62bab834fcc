"""Segments that change below a live writer, and what readers may do beside it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.eventlog.files.frames import (
    HEADER_FRAME_BYTES,
    epoch_of,
    identity_of,
)
from bandit_svc.eventlog.files.known import KnownPartitions
from bandit_svc.eventlog.files.live import read_live
from bandit_svc.eventlog.files.partition_read import PartitionRead
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import (
    current_boot_id,
    list_segments,
    live_path,
)
from bandit_svc.eventlog.interface import START, Cursor
from tests.harness.file_writers import (
    FRAME,
    Everything,
    NewFileWriter,
    StartWriter,
    numbered,
    payloads,
    record_of,
)

LastSegment = Callable[[str], Path]


@pytest.mark.parametrize("how", ["cut", "appended"])
def test_a_live_segment_that_somebody_changed_is_left_before_the_next_append(
    log_root: Path,
    new_file_writer: NewFileWriter,
    last_segment: LastSegment,
    how: str,
) -> None:
    changes: list[None] = []
    writer = new_file_writer(
        fsync="never", on_foreign_change=lambda: changes.append(None)
    )
    for record in numbered(10):
        writer.append(record_of(record))
    path = last_segment(writer.partition)
    if how == "cut":
        os.truncate(path, HEADER_FRAME_BYTES + 3 * FRAME)
    else:
        with path.open("ab") as file:
            file.write(b"not ours")
    writer.append(record_of(b"0010"))

    assert len(changes) == 1
    assert list_segments(log_root / writer.partition) == [1, 2]
    found = Everything(FileReader(log_root), writer.partition)
    if how == "cut":
        assert found.records == [*numbered(3), b"0010"]
        assert found.named == [("cut", 1, 7)]
    else:
        assert found.records == numbered(11)
        assert found.named == [("foreign", 1, 0)]


@pytest.mark.parametrize("reads", range(6))
def test_a_frame_that_is_written_behind_a_read_is_no_damage(
    log_root: Path, new_file_writer: NewFileWriter, reads: int
) -> None:
    """The next segment is created before the footer of the one before is written."""
    writer = new_file_writer(
        fsync="never", max_segment_bytes=HEADER_FRAME_BYTES + 10 * FRAME
    )
    for record in numbered(10):
        writer.append(record_of(record))
    folder = log_root / writer.partition
    known = KnownPartitions(log_root).of(writer.partition)
    done = 0

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal done
        data = os.pread(descriptor, size, offset)
        if done == reads:
            writer.append(record_of(b"0010"))
        done += 1
        return data

    reading = PartitionRead(
        folder, known, [1, 2], START, alive=True, boot_id=current_boot_id(), pread=pread
    )
    batch = reading.run(10**6)
    rest = FileReader(log_root).read(writer.partition, batch.cursor)
    read = [record.payload for record in (*batch.records, *rest.records)]

    assert list(batch.damages) == []
    assert read == numbered(11 if reads < done else 10)


@pytest.mark.parametrize("left", [0, 10])
def test_a_writer_whose_live_counter_is_cut_goes_on_and_restores_it(
    log_root: Path, start_process: StartWriter, left: int
) -> None:
    """A store into a mapped page that is gone kills a process by SIGBUS."""
    process = start_process("lose_the_live_counter")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ok\n"
    (partition,) = FileReader(log_root).partitions()
    os.truncate(live_path(log_root, partition), left)
    process.stdin.write(b"\n")
    process.stdin.flush()

    assert [process.stdout.readline() for _ in range(2)] == [b"ok\n"] * 2
    live = read_live(
        live_path(log_root, partition), identity_of(epoch_of(partition), 0)
    )
    assert live is not None
    assert live.records == 3
    found = Everything(FileReader(log_root), partition)
    assert found.records == [b"before", b"after", b"last"]
    assert found.named == []


def test_a_live_counter_that_is_cut_is_a_foreign_change(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    changes: list[None] = []
    writer = new_file_writer(
        fsync="never", on_foreign_change=lambda: changes.append(None)
    )
    writer.append(record_of(b"before"))
    os.truncate(live_path(log_root, writer.partition), 0)
    writer.append(record_of(b"after"))
    writer.append(record_of(b"last"))

    assert len(changes) == 1


def test_a_cut_below_a_live_writer_is_named_before_it_appends_again(
    log_root: Path, new_file_writer: NewFileWriter, last_segment: LastSegment
) -> None:
    writer = new_file_writer(fsync="never")
    for record in numbered(10):
        writer.append(record_of(record))
    reader = FileReader(log_root)
    cursor = reader.read(writer.partition, START, 100).cursor
    os.truncate(last_segment(writer.partition), HEADER_FRAME_BYTES)
    batch = reader.read(writer.partition, cursor)

    assert [(d.what, d.facts) for d in batch.damages] == [("cut", 10 - cursor.sequence)]
    assert reader.read(writer.partition, batch.cursor)[:4] == ([], batch.cursor, 0, [])
    writer.append(record_of(b"0010"))
    assert payloads(reader.read(writer.partition, batch.cursor).records) == [b"0010"]


def test_a_changed_byte_below_a_live_writer_is_named_at_once(
    log_root: Path, new_file_writer: NewFileWriter, last_segment: LastSegment
) -> None:
    writer = new_file_writer(fsync="never")
    for record in numbered(3):
        writer.append(record_of(record))
    path = last_segment(writer.partition)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    reader = FileReader(log_root)
    batch = reader.read(writer.partition, START)

    assert payloads(batch.records) == numbered(2)
    assert [(d.what, d.facts) for d in batch.damages] == [("changed", 1)]
    writer.append(record_of(b"0003"))
    assert payloads(reader.read(writer.partition, batch.cursor).records) == [b"0003"]


def test_release_keeps_a_live_writers_segment_whatever_the_cursor_says(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    writer = new_file_writer(max_segment_bytes=4)
    for record in (b"one", b"two"):
        writer.append(record_of(record))
    reader = FileReader(log_root)

    assert not reader.committed(writer.partition, Cursor(99, 0))
    assert list_segments(log_root / writer.partition) == [2]
    writer.append(record_of(b"six"))
    assert payloads(reader.read(writer.partition, Cursor(2, 0, 1)).records) == [
        b"two",
        b"six",
    ]


def test_a_partition_shows_only_once_it_is_locked(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    new_file_writer()

    assert not log_root.exists()
    assert FileReader(log_root).partitions() == []
    assert FileReader(log_root).end("w1") == START
