"""Records that are appended at once are read as if each was appended alone.

And where the log refuses, none of them is ever read.
"""

import random
import shutil
from pathlib import Path

import pytest

from bandit_svc.domain.events.record import DECISION, REWARD, Part, Record, part_of
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import START, FsyncMode
from tests.harness.file_writers import NewFileWriter, ReadAll, record_of

PARTS = tuple(part_of(bytes([65 + n]) * 50) for n in range(5))


def some_records(random_: random.Random, count: int) -> list[Record]:
    return [
        Record(
            random_.choice((DECISION, REWARD)),
            random_.randbytes(random_.randrange(300)),
            tuple(random_.sample(PARTS, random_.randrange(3))),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(8))
def test_they_take_the_room_of_single_appends(
    new_file_writer: NewFileWriter, tmp_path: Path, seed: int
) -> None:
    """Each part once, in one segment; the next begins where what must fit does not."""
    random_ = random.Random(seed)  # noqa: S311 - a test's own numbers
    roots = [tmp_path / "alone", tmp_path / "at-once"]
    alone, at_once = (new_file_writer(root, max_segment_bytes=10**6) for root in roots)
    for _ in range(5):
        records = some_records(random_, random_.randrange(6))
        for record in records:
            alone.append(record)
        at_once.append_all(records)
    found = [[path.stat().st_size for path in root.rglob("*.seg")] for root in roots]

    assert found[0] == found[1]
    assert found[0][0] > 500


@pytest.mark.parametrize("fsync", ["never", "interval", "always"])
@pytest.mark.parametrize("seed", range(4))
def test_records_and_parts_come_back_over_many_segments(
    new_file_writer: NewFileWriter, log_root: Path, seed: int, fsync: FsyncMode
) -> None:
    random_ = random.Random(seed)  # noqa: S311 - a test's own numbers
    writer = new_file_writer(fsync=fsync)
    sent: list[Record] = []
    for _ in range(30):
        records = some_records(random_, random_.randrange(9))
        if random_.random() < 0.3:
            for record in records:
                writer.append(record)
        else:
            writer.append_all(records)
        sent += records
    read: list[Record] = []
    parts: dict[bytes, bytes] = {}
    cursor = START
    reader = FileReader(log_root)
    while (batch := reader.read(writer.partition, cursor)).records:
        read += batch.records
        parts |= batch.parts
        cursor = batch.cursor

    assert [(r.kind, r.payload) for r in read] == [(r.kind, r.payload) for r in sent]
    needed: set[Part] = {part for record in sent for part in record.parts}
    assert needed == {Part(key, body) for key, body in parts.items()}


def test_what_is_refused_is_never_read(
    new_file_writer: NewFileWriter, log_root: Path, read_all: ReadAll
) -> None:
    writer = new_file_writer()
    writer.append(record_of(b"before"))
    shutil.rmtree(log_root / writer.partition)
    with pytest.raises(Unavailable, match="deleted"):
        writer.append_all([record_of(b"one"), record_of(b"two")])
    writer.append_all([])
    writer.append_all([record_of(b"three"), record_of(b"four")])

    records, torn, _ = read_all(FileReader(log_root), writer.partition)
    assert (records, torn) == ([b"three", b"four"], 0)
