"""A disk that refuses: the caller is told, no part is read, and it recovers."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.domain.events.record import DECISION
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.frames import encode_frame
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import list_segments
from bandit_svc.eventlog.interface import START, FsyncMode
from tests.harness.file_writers import (
    NewFileWriter,
    ReadAll,
    StartWriter,
    payloads,
    record_of,
)

ReplaceDescriptor = Callable[[Path, str], None]
LastSegment = Callable[[str], Path]


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param(7, id="not one byte fits"),
        pytest.param(200, id="a part of the record fits"),
    ],
)
def test_at_the_size_limit_nothing_partial_is_read_and_lifting_it_is_enough(
    log_root: Path, start_process: StartWriter, read_all: ReadAll, limit: int
) -> None:
    process = start_process("run_out_of_space", limit=limit)
    assert process.stdin is not None
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(4)]
    reader = FileReader(log_root)
    (partition,) = reader.partitions()
    during, torn_during, _ = read_all(reader, partition)
    process.stdin.write(b".")
    process.stdin.flush()
    said.append(process.stdout.readline())
    records, torn, _ = read_all(reader, partition)

    refusal = (
        b"unavailable 1 The event log can't be written (File too large); "
        b"send the request again.\n"
    )
    assert said == [b"ok\n", refusal, refusal, refusal, b"ok\n"]
    assert (during, torn_during) == ([b"before"], 0)
    assert (records, torn) == ([b"before", b"after"], 0)


def test_a_file_at_its_size_limit_is_left_for_a_new_one(
    log_root: Path, start_process: StartWriter, read_all: ReadAll
) -> None:
    process = start_process("fill_one_file", limit=5000)
    assert process.stdout is not None
    said = [process.stdout.readline().split(b" ")[0] for _ in range(4)]
    reader = FileReader(log_root)
    (partition,) = reader.partitions()

    assert said == [b"ok\n", b"ok\n", b"unavailable", b"ok\n"]
    assert read_all(reader, partition)[:2] == (
        [b"0" * 2000, b"1" * 2000, b"3" * 2000],
        0,
    )


def test_a_next_segment_that_cannot_be_created_is_unavailable_until_it_can(
    log_root: Path, start_process: StartWriter, read_all: ReadAll
) -> None:
    process = start_process("run_out_of_descriptors", max_segment_bytes=100)
    assert process.stdout is not None
    said = [process.stdout.readline().split(b" ")[0] for _ in range(3)]
    reader = FileReader(log_root)
    (partition,) = reader.partitions()

    assert said == [b"ok\n", b"unavailable", b"ok\n"]
    assert read_all(reader, partition)[:2] == ([b"x" * 100, b"after"], 0)


def test_a_missing_data_folder_is_unavailable_until_it_is_back(
    tmp_path: Path, new_file_writer: NewFileWriter
) -> None:
    # The log's own folder is created; its parent may be a volume not mounted yet.
    writer = new_file_writer(tmp_path / "volume" / "log")
    with pytest.raises(Unavailable, match="No such file or directory"):
        writer.append(record_of(b"refused"))
    (tmp_path / "volume").mkdir()
    writer.append(record_of(b"kept"))

    reader = FileReader(tmp_path / "volume" / "log")
    batch = reader.read(writer.partition, START)
    assert payloads(batch.records) == [b"kept"]


@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_where_not_even_truncating_works_a_new_segment_leaves_the_torn_end_behind(
    new_file_writer: NewFileWriter,
    log_root: Path,
    read_all: ReadAll,
    last_segment: LastSegment,
    replace_descriptor: ReplaceDescriptor,
    fsync: FsyncMode,
) -> None:
    writer = new_file_writer(fsync=fsync)
    writer.append(record_of(b"before"))
    segment = last_segment(writer.partition)
    replace_descriptor(segment, "/dev/full")
    with segment.open("ab") as file:
        file.write(encode_frame(0, 1, DECISION, b"could not be cut off")[0][:-9])

    with pytest.raises(Unavailable, match="No space left on device"):
        writer.append(record_of(b"refused"))

    writer.append(record_of(b"after"))
    records, torn, _ = read_all(FileReader(log_root), writer.partition)
    assert (records, torn) == ([b"before", b"after"], 1)


def test_a_signal_in_the_middle_of_a_write_spoils_no_other_record(
    new_file_writer: NewFileWriter,
    log_root: Path,
    read_all: ReadAll,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = new_file_writer()
    writer.append(record_of(b"before"))
    write = os.write

    def write_half_then_exit(descriptor: int, data: bytes, size: int) -> int:
        write(descriptor, data[: size // 2])
        raise SystemExit

    monkeypatch.setattr(
        "bandit_svc.eventlog.files.disk.writing._write", write_half_then_exit
    )
    with pytest.raises(SystemExit):
        writer.append(record_of(b"interrupted"))
    monkeypatch.undo()
    writer.append(record_of(b"after"))

    records, torn, _ = read_all(FileReader(log_root), writer.partition)
    assert (records, torn) == ([b"before", b"after"], 1)


@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
def test_a_deleted_folder_refuses_one_record_and_a_new_partition_takes_the_next(
    new_file_writer: NewFileWriter, log_root: Path, fsync: FsyncMode
) -> None:
    writer = new_file_writer(fsync=fsync)
    writer.append(record_of(b"deleted by the operator"))
    first = writer.partition
    shutil.rmtree(log_root / first)

    with pytest.raises(Unavailable, match="deleted"):
        writer.append(record_of(b"refused"))
    writer.append(record_of(b"kept"))

    reader = FileReader(log_root)
    assert reader.partitions() == [first, writer.partition] == [first, f"{first}-2"]
    lost = reader.read(first, START)
    assert [(d.what, d.facts) for d in lost.damages] == [("deleted", 1)]
    assert reader.committed(first, lost.cursor)
    assert reader.partitions() == [writer.partition]
    batch = reader.read(writer.partition, START)
    assert payloads(batch.records) == [b"kept"]


def test_a_deleted_segment_refuses_one_record_and_its_number_is_not_used_again(
    new_file_writer: NewFileWriter, log_root: Path, last_segment: LastSegment
) -> None:
    changes: list[None] = []
    writer = new_file_writer(on_foreign_change=lambda: changes.append(None))
    writer.append(record_of(b"deleted by the operator"))
    cursor = FileReader(log_root).read(writer.partition, START).cursor
    last_segment(writer.partition).unlink()

    with pytest.raises(Unavailable, match="deleted"):
        writer.append(record_of(b"refused"))
    writer.append(record_of(b"kept"))

    assert list_segments(log_root / writer.partition) == [2]
    batch = FileReader(log_root).read(writer.partition, cursor)
    assert payloads(batch.records) == [b"kept"]
    assert batch.damages == []
    assert len(changes) == 1
