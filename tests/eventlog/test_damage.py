"""Damage by name: where it is, how many facts it costs, and what goes on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.events.record import DECISION, Record, part_of
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.frames import (
    FOOTER_FRAME_BYTES,
    HEADER,
    HEADER_FRAME_BYTES,
    Header,
    NewerFormat,
    encode_frame,
    encode_header,
    epoch_of,
    identity_of,
)
from bandit_svc.eventlog.files.live import read_live
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import (
    list_segments,
    live_path,
    manifest_path,
    segment_name,
)
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import START, Cursor
from tests.harness.file_writers import (
    FRAME,
    Everything,
    NewFileWriter,
    numbered,
    record_of,
)

Die = Callable[[FileWriter], None]


def segment_of(root: Path, partition: str, number: int) -> Path:
    return root / partition / segment_name(number)


def test_segments_of_ten_are_what_the_fixture_says(
    log_root: Path, three_segments: FileWriter
) -> None:
    assert list_segments(log_root / three_segments.partition) == [1, 2, 3]
    found = Everything(FileReader(log_root), three_segments.partition)
    assert (found.records, found.named, found.torn) == (numbered(30), [], 0)


def test_a_changed_byte_costs_its_own_fact_and_is_named_with_its_place(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = segment_of(log_root, three_segments.partition, 2)
    content = bytearray(path.read_bytes())
    place = HEADER_FRAME_BYTES + 4 * FRAME
    content[place + 5] ^= 1
    path.write_bytes(content)
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.records == numbered(14) + numbered(15, 15)
    (damage,) = found.damages
    assert damage == Damage(three_segments.partition, 2, place, 1, FRAME, "changed")
    assert "segment 2, byte 94: bytes were changed or moved; 1 fact is" in str(damage)


def test_a_damaged_header_and_the_records_behind_it_are_one_damage(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = segment_of(log_root, three_segments.partition, 2)
    end = HEADER_FRAME_BYTES + 3 * FRAME
    path.write_bytes(bytes(end) + path.read_bytes()[end:])
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.damages == [Damage(three_segments.partition, 2, 0, 3, end, "changed")]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_deleted_segment_is_named_with_its_facts(
    log_root: Path, three_segments: FileWriter, number: int
) -> None:
    segment_of(log_root, three_segments.partition, number).unlink()
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.named == [("deleted", number, 10)]
    assert len(found.records) == 20


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_cut_segment_is_named_with_its_facts(
    log_root: Path, three_segments: FileWriter, number: int
) -> None:
    path = segment_of(log_root, three_segments.partition, number)
    os.truncate(path, HEADER_FRAME_BYTES + 3 * FRAME)
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.named == [("cut", number, 7)]
    assert len(found.records) == 23


def test_a_deleted_partition_is_named_with_its_unread_facts(
    log_root: Path, three_segments: FileWriter
) -> None:
    partition = three_segments.partition
    reader = FileReader(log_root)
    cursor = reader.read(partition, START, 100).cursor
    read = cursor.sequence
    shutil.rmtree(log_root / partition)

    assert reader.partitions() == [partition]
    batch = reader.read(partition, cursor)
    assert sum(damage.facts for damage in batch.damages) == 30 - read
    assert not reader.committed(partition, cursor)
    assert reader.committed(partition, batch.cursor)
    assert reader.partitions() == []


def test_a_missing_manifest_is_named_and_costs_nothing(
    log_root: Path, three_segments: FileWriter
) -> None:
    manifest_path(log_root, three_segments.partition).unlink()
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.named == [("manifest", 0, 0)]
    assert found.records == numbered(30)


def test_without_its_manifest_a_deleted_segment_is_still_counted(
    log_root: Path, three_segments: FileWriter
) -> None:
    manifest_path(log_root, three_segments.partition).unlink()
    segment_of(log_root, three_segments.partition, 2).unlink()
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.named == [("deleted", 2, 10), ("manifest", 0, 0)]


def test_without_its_manifest_a_footer_that_is_cut_off_is_named(
    log_root: Path, three_segments: FileWriter
) -> None:
    """The header of the next segment keeps the checksum of the footer before."""
    manifest_path(log_root, three_segments.partition).unlink()
    path = segment_of(log_root, three_segments.partition, 2)
    os.truncate(path, path.stat().st_size - FOOTER_FRAME_BYTES)
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.named == [("changed", 2, 0), ("manifest", 0, 0)]
    assert found.records == numbered(30)


def test_a_missing_live_counter_is_named_and_says_that_more_may_be_lost(
    log_root: Path, three_segments: FileWriter
) -> None:
    live_path(log_root, three_segments.partition).unlink()
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.records == numbered(30)
    assert found.named == [("live counter", 0, 0)]
    assert found.damages[0].at_least


def test_a_stale_manifest_is_named(
    log_root: Path, new_file_writer: NewFileWriter, die: Die
) -> None:
    writer = new_file_writer(
        fsync="never", max_segment_bytes=HEADER_FRAME_BYTES + 10 * FRAME
    )
    writer.append(record_of(b"0000"))
    manifest = manifest_path(log_root, writer.partition)
    older = manifest.read_bytes()
    for record in numbered(20, 1):
        writer.append(record_of(record))
    die(writer)
    manifest.write_bytes(older)
    found = Everything(FileReader(log_root), writer.partition)

    assert found.records == numbered(21)
    assert found.named == [("manifest", 0, 0)]


def test_a_changed_manifest_is_named_and_the_rest_of_it_is_used(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = manifest_path(log_root, three_segments.partition)
    content = bytearray(path.read_bytes())
    content[HEADER_FRAME_BYTES + 5] ^= 1
    path.write_bytes(content)
    segment_of(log_root, three_segments.partition, 2).unlink()
    found = Everything(FileReader(log_root), three_segments.partition)

    assert found.named == [("deleted", 2, 10), ("manifest", 0, 0)]


def test_the_manifest_makes_up_for_a_damaged_shared_part(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    writer = new_file_writer(fsync="never")
    part = part_of(b"shared")
    writer.append(Record(DECISION, b"first", (part,)))
    writer.close()
    path = segment_of(log_root, writer.partition, 1)
    content = bytearray(path.read_bytes())
    content[HEADER_FRAME_BYTES + 4] ^= 1
    path.write_bytes(content)
    found = Everything(FileReader(log_root), writer.partition)

    assert (found.records, found.parts) == ([b"first"], {part.key: b"shared"})
    assert found.named == [("changed", 1, 0)]


def test_without_the_manifest_a_part_is_found_in_front_of_the_cursor(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    writer = new_file_writer(fsync="never")
    part = part_of(b"shared")
    for record in numbered(3):
        writer.append(Record(DECISION, record, (part,)))
    reader = FileReader(log_root)
    cursor = reader.read(writer.partition, START, 100).cursor
    manifest_path(log_root, writer.partition).unlink()
    batch = FileReader(log_root).read(writer.partition, cursor)

    assert batch.parts == {part.key: b"shared"}


def test_a_tail_that_is_missing_after_a_new_boot_was_lost_with_the_power(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = segment_of(log_root, three_segments.partition, 3)
    os.truncate(path, HEADER_FRAME_BYTES + 3 * FRAME + 2)
    found = Everything(
        FileReader(log_root, boot_id=bytes(range(16))), three_segments.partition
    )

    assert found.named == [("power", 3, 7)]
    assert found.torn == 1


def test_a_new_boot_excuses_no_segment_that_was_complete(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = segment_of(log_root, three_segments.partition, 2)
    os.truncate(path, HEADER_FRAME_BYTES + 3 * FRAME)
    found = Everything(
        FileReader(log_root, boot_id=bytes(range(16))), three_segments.partition
    )

    assert found.named == [("cut", 2, 7)]


def test_two_partitions_that_were_swapped_fail_whole(
    log_root: Path, new_file_writer: NewFileWriter
) -> None:
    one, two = new_file_writer(fsync="never"), new_file_writer(fsync="never")
    for writer in (one, two):
        for record in numbered(10):
            writer.append(record_of(record))
        writer.close()
    (log_root / one.partition).rename(log_root / "aside")
    (log_root / two.partition).rename(log_root / one.partition)
    (log_root / "aside").rename(log_root / two.partition)

    for writer in (one, two):
        found = Everything(FileReader(log_root), writer.partition)
        assert found.records == []
        assert sum(damage.facts for damage in found.damages) == 10


def test_a_segment_that_cannot_be_read_is_unavailable_and_kept(
    log_root: Path, three_segments: FileWriter
) -> None:
    path = segment_of(log_root, three_segments.partition, 2)
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    reader = FileReader(log_root)
    batch = reader.read(three_segments.partition, START, 1)

    with pytest.raises(Unavailable, match="Is a directory"):
        reader.read(three_segments.partition, START)
    assert not reader.committed(three_segments.partition, batch.cursor)
    path.rmdir()
    path.write_bytes(content)
    assert Everything(reader, three_segments.partition).records == numbered(30)


def test_a_segment_of_a_newer_format_is_refused(
    log_root: Path, three_segments: FileWriter
) -> None:
    partition = three_segments.partition
    epoch = epoch_of(partition)
    payload = bytearray(encode_header(Header(epoch, 3, 20, 0, bytes(16))))
    payload[0] = 3
    frame, _ = encode_frame(identity_of(epoch, 3), 0, HEADER, bytes(payload))
    segment_of(log_root, partition, 3).write_bytes(frame)

    with pytest.raises(NewerFormat, match=r"format 3.*up to 2"):
        FileReader(log_root).read(partition, START)


@pytest.mark.parametrize("byte", [0, 12], ids=["segment", "records"])
@pytest.mark.parametrize("slot", [0, 64])
def test_one_whole_slot_of_the_live_counter_is_enough(
    log_root: Path, three_segments: FileWriter, slot: int, byte: int
) -> None:
    partition = three_segments.partition
    path = live_path(log_root, partition)
    content = bytearray(path.read_bytes())
    content[slot + byte] ^= 255
    path.write_bytes(content)
    live = read_live(path, identity_of(epoch_of(partition), 0))

    assert live is not None
    assert (live.segment, live.sequence) in {(3, 29), (3, 30)}
    assert Everything(FileReader(log_root), partition).records == numbered(30)


def test_nothing_is_deleted_before_its_known_end_was_accounted_for(
    log_root: Path, three_segments: FileWriter
) -> None:
    partition = three_segments.partition
    path = segment_of(log_root, partition, 3)
    reader = FileReader(log_root)
    whole = Cursor(3, path.stat().st_size, 30)
    os.truncate(path, HEADER_FRAME_BYTES)

    assert not reader.committed(partition, whole._replace(offset=HEADER_FRAME_BYTES))
    assert path.exists()
