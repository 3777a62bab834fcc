"""How a segment begins and ends: header, footer, and what lies behind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.record import DECISION, Record, part_of
from bandit_svc.eventlog.files.frames import FOOTER_FRAME_BYTES, HEADER_FRAME_BYTES
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import (
    live_path,
    manifest_path,
    segment_name,
)
from bandit_svc.eventlog.files.writer import FileWriter
from tests.harness.file_writers import (
    FRAME,
    Everything,
    NewFileWriter,
    numbered,
    record_of,
)

Die = Callable[[FileWriter], None]


@pytest.fixture
def closed(new_file_writer: NewFileWriter) -> FileWriter:
    """Ten records in one segment, which was left in good order."""
    writer = new_file_writer(fsync="never")
    for record in numbered(10):
        writer.append(record_of(record))
    writer.close()
    return writer


def first_segment(log_root: Path, writer: FileWriter) -> Path:
    return log_root / writer.partition / segment_name(1)


def test_a_segment_in_good_order_is_what_the_fixture_says(
    log_root: Path, closed: FileWriter
) -> None:
    found = Everything(FileReader(log_root), closed.partition)
    size = first_segment(log_root, closed).stat().st_size

    assert (found.records, found.damages) == (numbered(10), [])
    assert size == HEADER_FRAME_BYTES + 10 * FRAME + FOOTER_FRAME_BYTES


def test_a_changed_header_is_named_though_its_records_are_read(
    log_root: Path, closed: FileWriter
) -> None:
    path = first_segment(log_root, closed)
    content = bytearray(path.read_bytes())
    # A byte of the boot id, which no record depends on.
    content[HEADER_FRAME_BYTES - 6] ^= 1
    path.write_bytes(content)
    found = Everything(FileReader(log_root), closed.partition)

    assert found.records == numbered(10)
    assert found.named[0] == ("changed", 1, 0)
    assert found.damages[0].offset == 0


@pytest.mark.parametrize(("cut", "what"), [(FOOTER_FRAME_BYTES, "cut"), (3, "changed")])
def test_a_footer_that_is_missing_is_named(
    log_root: Path, closed: FileWriter, cut: int, what: str
) -> None:
    path = first_segment(log_root, closed)
    os.truncate(path, path.stat().st_size - cut)
    found = Everything(FileReader(log_root), closed.partition)

    assert found.records == numbered(10)
    assert found.named == [(what, 1, 0)]


def test_bytes_behind_a_footer_are_named_as_foreign(
    log_root: Path, closed: FileWriter
) -> None:
    path = first_segment(log_root, closed)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"\xb2and more")
    found = Everything(FileReader(log_root), closed.partition)

    assert found.records == numbered(10)
    assert found.damages == [Damage(closed.partition, 1, size, 0, 9, "foreign")]


def test_bytes_behind_the_end_of_a_killed_writer_are_named_as_foreign(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = log_root / three_segments.partition / segment_name(3)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"more")
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.records == numbered(30)
    assert found.damages == [Damage(three_segments.partition, 3, size, 0, 4, "foreign")]


def test_bytes_that_nothing_explains_say_that_facts_may_be_lost(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = log_root / three_segments.partition / segment_name(3)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"more")
    live_path(log_root, three_segments.partition).unlink()
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.records == numbered(30)
    # Without the live counter nobody knows where the segment ended.
    assert found.damages[0] == Damage(
        three_segments.partition, 3, size, 0, 4, "changed", at_least=True
    )


def test_a_deleted_segment_of_unknown_end_says_that_facts_may_be_lost(
    log_root: Path, three_segments: FileWriter
) -> None:
    partition = three_segments.partition
    (log_root / partition / segment_name(3)).unlink()
    live_path(log_root, partition).unlink()
    found = Everything(FileReader(log_root), partition)

    assert found.records == numbered(20)
    assert found.damages[0] == Damage(partition, 3, 0, 0, 0, "deleted", at_least=True)


def test_a_shared_part_that_was_taken_out_is_named_by_the_footer(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    writer = new_file_writer(fsync="never")
    part = part_of(b"shared")
    for payload in numbered(3):
        writer.append(Record(DECISION, payload, (part,)))
    writer.close()
    path = first_segment(log_root, writer)
    content = path.read_bytes()
    frame = content[HEADER_FRAME_BYTES : content.index(b"\xb2\x10")]
    path.write_bytes(content.replace(frame, b"", 1))
    found = Everything(FileReader(log_root), writer.partition)

    # No record's sequence number has changed, so that each of them holds.
    assert found.records == numbered(3)
    assert found.named == [("changed", 1, 0)]
    assert found.parts[part.key] == b"shared"


def test_the_manifest_of_another_life_of_the_partition_is_named(
    log_root: Path, closed: FileWriter, tmp_path: Path
) -> None:
    # The same name, so the same epoch: what a copied machine may do.
    other = FileWriter(
        tmp_path / "other",
        now_ms=1_700_000_000_000,
        suffix="ab12",
        fsync="never",
        fsync_interval_ms=100,
        max_segment_bytes=10_000,
    )
    for record in numbered(10, 50):
        other.append(record_of(record))
    other.close()
    assert other.partition == closed.partition
    manifest = manifest_path(tmp_path / "other", other.partition).read_bytes()
    manifest_path(log_root, closed.partition).write_bytes(manifest)
    found = Everything(FileReader(log_root), closed.partition)

    # As many records and bytes, and other checksums of them.
    assert found.named == [("changed", 1, 0)]


def test_a_live_counter_of_an_earlier_segment_is_named(
    log_root: Path, new_file_writer: NewFileWriter, die: Die
) -> None:
    writer = new_file_writer(
        fsync="never", max_segment_bytes=HEADER_FRAME_BYTES + 10 * FRAME
    )
    for record in numbered(15):
        writer.append(record_of(record))
    path = live_path(log_root, writer.partition)
    earlier = path.read_bytes()
    for record in numbered(15, 15):
        writer.append(record_of(record))
    die(writer)
    path.write_bytes(earlier)
    found = Everything(FileReader(log_root), writer.partition)

    assert found.records == numbered(30)
    assert found.named == [("live counter", 0, 0)]
