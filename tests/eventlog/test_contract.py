"""What every event log backend promises; see bandit_svc/eventlog/interface.py."""

import threading
from collections.abc import Callable

import pytest

from bandit_svc.domain.events.record import DECISION, REWARD, Record, part_of
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.interface import (
    START,
    EventLogReader,
    EventLogWriter,
)
from tests.harness.file_writers import ReadAll, payloads, record_of

NewWriter = Callable[[], EventLogWriter]
NewReader = Callable[[], EventLogReader]


MOST_OVERHEAD = 64
"""Bytes of a backend's own in front of a batch, such as the header of a segment."""


def numbered(count: int) -> list[bytes]:
    """Records of 4 bytes, so that the files' segments of 1,000 bytes hold 80 or so."""
    return [f"{number:04d}".encode() for number in range(count)]


def test_an_empty_log_has_no_partitions(new_reader: NewReader) -> None:
    assert new_reader().partitions() == []
    assert new_reader().backlog_bytes({}) == 0


def test_records_come_back_as_they_were_and_in_order(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll
) -> None:
    writer = new_writer()
    records = [b'{"a":1}', b"", b"\x00\xff\r", "schön".encode(), b"x" * 5000]
    for record in records:
        writer.append(record_of(record))

    assert read_all(new_reader(), writer.partition) == (
        records,
        0,
        new_reader().end(writer.partition),
    )


def test_a_record_may_hold_any_byte(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll
) -> None:
    writer = new_writer()
    records = [bytes(range(256)) * 3, b"two\nlines", bytes(range(255, -1, -1))]
    for record in records:
        writer.append(record_of(record))

    assert read_all(new_reader(), writer.partition)[0] == records


def test_kinds_and_shared_parts_come_back_and_a_part_is_written_once(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    one, two = part_of(b"one" * 50), part_of(b"two" * 50)
    writer.append(Record(DECISION, b"first", (one,)))
    size = new_reader().backlog_bytes({})
    writer.append(Record(REWARD, b"second"))
    writer.append(Record(DECISION, b"third", (one,)))
    grown = new_reader().backlog_bytes({}) - size
    writer.append(Record(DECISION, b"fourth", (one, two)))
    batch = new_reader().read(writer.partition, START)

    assert [(r.kind, r.payload) for r in batch.records] == [
        (DECISION, b"first"),
        (REWARD, b"second"),
        (DECISION, b"third"),
        (DECISION, b"fourth"),
    ]
    assert batch.parts == {one.key: one.body, two.key: two.body}
    assert grown < len(one.body)


def test_the_parts_of_a_batch_are_known_wherever_it_begins(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    part = part_of(b"shared")
    for record in numbered(200):
        writer.append(Record(DECISION, record, (part,)))
    reader = new_reader()
    cursor = START
    while cursor < reader.end(writer.partition):
        batch = new_reader().read(writer.partition, cursor, 300)
        assert batch.parts == {part.key: part.body}
        cursor = batch.cursor


def test_what_was_appended_can_be_read_before_the_writer_closes(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    writer.append(record_of(b"first"))

    batch = new_reader().read(writer.partition, START)
    assert payloads(batch.records) == [b"first"]


def test_reading_goes_on_after_the_cursor(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    writer.append(record_of(b"first"))
    cursor = new_reader().read(writer.partition, START).cursor
    writer.append(record_of(b"second"))

    batch = new_reader().read(writer.partition, cursor)
    assert payloads(batch.records) == [b"second"]


def test_reading_twice_from_one_cursor_gives_the_same(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    for record in numbered(500):
        writer.append(record_of(record))
    reader = new_reader()
    middle = reader.read(writer.partition, START, 1500).cursor

    assert reader.read(writer.partition, middle) == reader.read(
        writer.partition, middle
    )


def test_a_batch_at_the_end_is_empty_and_leaves_the_cursor(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll
) -> None:
    writer = new_writer()
    writer.append(record_of(b"only"))
    _, _, cursor = read_all(new_reader(), writer.partition)

    assert new_reader().read(writer.partition, cursor)[:4] == ([], cursor, 0, [])


@pytest.mark.parametrize("max_bytes", [1, 7, 200, 999, 1000, 1001, 4096])
def test_batches_within_max_bytes_add_up_to_every_record(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll, max_bytes: int
) -> None:
    writer = new_writer()
    for record in numbered(777):
        writer.append(record_of(record))
    reader = new_reader()
    first = reader.read(writer.partition, START, max_bytes)
    left = reader.backlog_bytes({writer.partition: first.cursor})
    taken = reader.backlog_bytes({}) - left

    assert payloads(first.records) == numbered(len(first.records))
    assert len(first.records) == 1 or taken <= max_bytes + MOST_OVERHEAD
    assert read_all(new_reader(), writer.partition, START, max_bytes)[0] == numbered(
        777
    )


def test_a_record_larger_than_max_bytes_comes_alone(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    for record in (b"x" * 600, b"small"):
        writer.append(record_of(record))
    batch = new_reader().read(writer.partition, START, 10)

    assert payloads(batch.records) == [b"x" * 600]
    batch = new_reader().read(writer.partition, batch.cursor, 10)
    assert payloads(batch.records) == [b"small"]


def test_each_writer_has_its_partition_and_the_oldest_is_listed_first(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll
) -> None:
    older, newer = new_writer(), new_writer()
    newer.append(record_of(b"by the newer"))
    older.append(record_of(b"by the older"))

    assert new_reader().partitions() == [older.partition, newer.partition]
    assert read_all(new_reader(), older.partition)[0] == [b"by the older"]
    assert read_all(new_reader(), newer.partition)[0] == [b"by the newer"]


def test_the_end_lies_after_every_acknowledged_record(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    for record in numbered(300):
        before = new_reader().end(writer.partition)
        writer.append(record_of(record))
        assert new_reader().end(writer.partition) > before
    reader = new_reader()
    end = reader.end(writer.partition)
    cursor, count = START, 0
    while cursor < end:
        batch = reader.read(writer.partition, cursor, 100)
        cursor, count = batch.cursor, count + len(batch.records)

    assert count == 300


def test_backlog_counts_the_bytes_after_the_cursors(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    one, two = new_writer(), new_writer()
    for record in numbered(300):
        one.append(record_of(record))
        two.append(record_of(record))
    reader = new_reader()
    middle = reader.read(one.partition, START, 1250).cursor

    ends = {name: reader.end(name) for name in (one.partition, two.partition)}
    whole = reader.backlog_bytes({})
    half = reader.backlog_bytes({one.partition: ends[one.partition]})
    assert whole == 2 * half > 2 * 300 * 4
    assert 1250 / 2 < whole - reader.backlog_bytes({one.partition: middle}) <= 1250
    assert reader.backlog_bytes(ends) == 0


def test_a_closed_writer_refuses_and_may_be_closed_again(
    new_writer: NewWriter,
) -> None:
    writer = new_writer()
    writer.append(record_of(b"kept"))
    writer.close()
    writer.close()

    with pytest.raises(Unavailable) as refusal:
        writer.append(record_of(b"refused"))
    assert refusal.value.retry_after_s == 1


def test_releasing_at_any_cursor_loses_nothing_unread(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll
) -> None:
    writer = new_writer()
    for record in numbered(900):
        writer.append(record_of(record))
    writer.close()
    reader = new_reader()
    records: list[bytes] = []
    cursor, gone = START, False
    while not gone:
        batch = reader.read(writer.partition, cursor, 130)
        records += payloads(batch.records)
        cursor = batch.cursor
        gone = reader.committed(writer.partition, cursor)
        unread, _, _ = read_all(new_reader(), writer.partition, cursor)
        assert records + unread == numbered(900)

    assert reader.partitions() == []


def test_releasing_keeps_the_partition_of_a_live_writer(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    writer.append(record_of(b"first"))
    reader = new_reader()
    end = reader.end(writer.partition)

    assert not reader.committed(writer.partition, end)
    writer.append(record_of(b"second"))
    batch = reader.read(writer.partition, end)
    assert payloads(batch.records) == [b"second"]


def test_a_partition_that_is_gone_may_be_released_again(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer = new_writer()
    writer.append(record_of(b"only"))
    writer.close()
    reader = new_reader()
    end = reader.end(writer.partition)

    assert reader.committed(writer.partition, end)
    assert reader.committed(writer.partition, end)
    assert reader.read(writer.partition, end)[:4] == ([], end, 0, [])


def test_threads_share_a_writer_and_each_keeps_its_order(
    new_writer: NewWriter, new_reader: NewReader, read_all: ReadAll
) -> None:
    writer = new_writer()
    together = threading.Barrier(8)

    def append(thread: int) -> None:
        together.wait()
        for record in numbered(500):
            writer.append(record_of(b"%d:%s" % (thread, record)))

    threads = [threading.Thread(target=append, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records, torn, _ = read_all(new_reader(), writer.partition)

    assert torn == 0
    assert len(records) == 8 * 500
    for thread_number in range(8):
        own = [r[2:] for r in records if r.startswith(b"%d:" % thread_number)]
        assert own == numbered(500)


def test_a_reader_beside_a_live_writer_gets_every_record_once(
    new_writer: NewWriter, new_reader: NewReader
) -> None:
    writer, reader = new_writer(), new_reader()

    def append() -> None:
        for record in numbered(5000):
            writer.append(record_of(record))

    thread = threading.Thread(target=append)
    writer.append(record_of(b"begin"))
    thread.start()
    records: list[bytes] = []
    cursor = START
    while thread.is_alive() or cursor < reader.end(writer.partition):
        batch = reader.read(writer.partition, cursor, 300)
        assert (batch.torn, batch.damages) == (0, [])
        records += payloads(batch.records)
        cursor = batch.cursor
        reader.committed(writer.partition, cursor)
    thread.join()

    assert records == [b"begin", *numbered(5000)]
    assert reader.read(writer.partition, cursor).records == []
