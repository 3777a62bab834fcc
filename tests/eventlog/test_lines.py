"""Partitions of format 1, as a power loss or a killed learner may have left them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.files.segments import LINES, list_segments
from bandit_svc.eventlog.interface import START, Cursor
from tests.harness.file_writers import ReadAll, payloads


@pytest.fixture
def dead(log_root: Path) -> Callable[..., str]:
    """Lay out a dead writer's partition from the bytes of its segments."""

    def lay_out(*segments: bytes, name: str = "w0000000000001-1-aa") -> str:
        folder = log_root / name
        folder.mkdir(parents=True)
        for number, content in enumerate(segments, start=1):
            (folder / f"{number:08d}.jsonl").write_bytes(content)
        return name

    return lay_out


DeadPartition = Callable[..., str]


@pytest.mark.parametrize(
    ("segments", "records", "torn"),
    [
        pytest.param([b"a\nb"], [b"a"], 1, id="cut in the last segment"),
        pytest.param([b"a\nb", b"c\n"], [b"a", b"c"], 1, id="cut before a later one"),
        pytest.param([b"a\nb", b"c\nd"], [b"a", b"c"], 2, id="cut in both"),
        pytest.param([b"cut", b"", b"c\n"], [b"c"], 1, id="nothing but a torn line"),
        pytest.param([b"", b""], [], 0, id="empty files"),
        pytest.param([b"a\n" + b"\0" * 9000], [b"a"], 1, id="padded with NUL"),
        pytest.param([b"\0" * 9000, b"b\n"], [b"b"], 1, id="nothing but NUL"),
        pytest.param(
            [b"a\n\xff{\nb\n"], [b"a", b"\xff{", b"b"], 0, id="garbage inside"
        ),
    ],
)
@pytest.mark.parametrize("max_bytes", [1, 5, 4_194_304])
def test_a_dead_writers_damage_is_counted_once_and_skipped(
    log_root: Path,
    dead: DeadPartition,
    read_all: ReadAll,
    segments: list[bytes],
    records: list[bytes],
    torn: int,
    max_bytes: int,
) -> None:
    partition = dead(*segments)
    reader = FileReader(log_root)
    got, counted, cursor = read_all(reader, partition, START, max_bytes)

    assert (got, counted) == (records, torn)
    assert reader.read(partition, cursor)[:3] == ([], cursor, 0)
    assert reader.committed(partition, cursor)
    assert reader.partitions() == []


@settings(deadline=None)
@given(
    segments=st.lists(st.binary(max_size=40), max_size=4), max_bytes=st.integers(1, 50)
)
def test_any_bytes_are_read_to_the_end_in_finitely_many_batches(
    tmp_path_factory: pytest.TempPathFactory,
    segments: list[bytes],
    max_bytes: int,
) -> None:
    folder = tmp_path_factory.mktemp("log") / "w1"
    folder.mkdir()
    for number, content in enumerate(segments, start=1):
        (folder / f"{number:08d}.jsonl").write_bytes(content)
    reader = FileReader(folder.parent)
    records: list[bytes] = []
    cursor, torn = START, 0
    for _ in range(len(b"".join(segments)) + 1):
        batch = reader.read("w1", cursor, max_bytes)
        records += payloads(batch.records)
        torn += batch.torn
        cursor = batch.cursor

    whole = [content.split(b"\n")[:-1] for content in segments]
    assert records == [record for lines in whole for record in lines]
    assert torn == sum(not c.endswith(b"\n") for c in segments if c)
    assert cursor == reader.end("w1")


def test_a_cursor_beyond_what_a_power_loss_left_reads_nothing_and_goes_on(
    log_root: Path, dead: DeadPartition
) -> None:
    partition = dead(b"a\n", b"b\n")
    reader = FileReader(log_root)

    assert payloads(reader.read(partition, Cursor(1, 500)).records) == [b"b"]
    assert reader.read(partition, Cursor(2, 500))[:2] == ([], Cursor(2, 500))
    assert reader.backlog_bytes({partition: Cursor(1, 500)}) == 2
    assert reader.committed(partition, Cursor(2, 500))


def test_a_cursor_in_a_deleted_segment_goes_on_in_the_next_one(
    log_root: Path, dead: DeadPartition
) -> None:
    partition = dead(b"a\n", b"b\n", b"c\n")
    reader = FileReader(log_root)
    reader.committed(partition, Cursor(3, 0))

    assert list_segments(log_root / partition, LINES) == [3]
    assert payloads(reader.read(partition, Cursor(1, 2)).records) == [b"c"]


def test_release_keeps_a_dead_writers_unread_tail(
    log_root: Path, dead: DeadPartition
) -> None:
    partition = dead(b"a\n", b"b\nc\n")
    reader = FileReader(log_root)

    assert not reader.committed(partition, Cursor(2, 2))
    assert payloads(reader.read(partition, Cursor(2, 2)).records) == [b"c"]


def test_a_release_that_was_cut_short_is_finished_by_the_next(
    log_root: Path, dead: DeadPartition
) -> None:
    partition = dead()
    reader = FileReader(log_root)

    assert reader.partitions() == [partition]
    assert reader.committed(partition, Cursor(7, 123))
    assert reader.partitions() == []


def test_files_that_are_not_ours_are_neither_read_nor_deleted(
    log_root: Path, dead: DeadPartition
) -> None:
    partition = dead(b"a\n")
    foreign = log_root / partition / "notes.txt"
    foreign.write_text("do not delete")
    (log_root / "README").write_text("not a partition")
    (log_root / ".hidden").mkdir()
    reader = FileReader(log_root)

    assert reader.partitions() == [partition]
    assert reader.committed(partition, Cursor(1, 2))
    assert foreign.read_text() == "do not delete"
