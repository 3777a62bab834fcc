"""What the reading end of a stream in JetStream promises, on a real server."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import DECISION, REWARD, Record, part_of
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.interface import Batch
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.engines import stream_source
from bandit_svc.eventlog.stream.nats.jetstream import stream_name
from bandit_svc.eventlog.stream.nats.messages import MOST_MESSAGES
from bandit_svc.eventlog.stream.source import StreamSource
from tests.harness.nats.sending import Sender, Stretch, message, stretch
from tests.harness.nats.servers import NatsServer
from tests.harness.waiting import wait_until

NODE = "web-1"
SEVEN = [Record(REWARD, f"{n}".encode()) for n in range(7)]


@pytest.fixture
def sender(address: StreamAddress) -> Iterator[Sender]:
    with closing(Sender(address)) as opened:
        yield opened


@pytest.fixture
def source(address: StreamAddress, sender: Sender) -> Iterator[StreamSource]:
    """Return a reader of streams that are made."""
    del sender
    with closing(stream_source(address, "test")) as opened:
        yield opened


def payloads(batch: Batch) -> list[bytes]:
    return [record.payload for run in batch.runs for record in run.records]


def test_an_empty_stream_has_all_its_partitions_and_no_messages(
    source: StreamSource,
) -> None:
    assert source.partitions() == ["0", "1", "u0"]
    assert source.end("0") == START
    assert source.read("0", START) == Batch((), START, 0)
    assert source.backlog_bytes({}) == 0


def test_messages_come_back_in_order_with_runs_parts_and_marks(
    source: StreamSource, sender: Sender
) -> None:
    part = part_of(b"shared" * 9)
    decision = Record(DECISION, bytes(30) + part.key + b"\0rest", (part,))
    first = stretch("w1", SEVEN[:2]), stretch("w2", [decision])
    sender.send("0", message(NODE, first, mark_ms=1_000, sent_ms=1_001))
    sender.send("1", message(NODE, [stretch("w1", SEVEN[6:])]))
    second = [stretch("w1", SEVEN[2:5], 2)]
    sender.send("0", message(NODE, second, mark_ms=2_000, closed=True))
    batch = source.read("0", START)

    assert batch.cursor == source.end("0") == Cursor(0, 2)
    assert payloads(batch) == [b"0", b"1", decision.payload, b"2", b"3", b"4"]
    assert [run.run.source for run in batch.runs] == ["w1", "w2", "w1"]
    assert [run.sequences for run in batch.runs] == [[0, 1], [0], [2, 3, 4]]
    assert batch.parts == {part.key: part.body}
    assert [(node, mark[:3]) for node, mark in batch.marks] == [
        (NODE, (1_000, 0, "live")),
        (NODE, (2_000, 0, "closed")),
    ]


def test_reading_goes_on_behind_a_cursor_and_many_messages_take_some_batches(
    source: StreamSource, sender: Sender
) -> None:
    count = MOST_MESSAGES + 10
    for number in range(count):
        record = Record(REWARD, str(number).encode())
        sender.send("0", message(NODE, [stretch("w1", [record], number)]))
    cursor, found = START, []
    while (batch := source.read("0", cursor)).cursor != cursor:
        cursor = batch.cursor
        found += payloads(batch)
    small = source.read("0", Cursor(0, 5), max_bytes=1)

    assert found == [str(number).encode() for number in range(count)]
    assert cursor == source.end("0") == Cursor(0, count)
    assert payloads(small) == [b"5"]


def test_the_clock_of_a_node_is_compared_with_that_of_the_stream(
    source: StreamSource, sender: Sender
) -> None:
    sender.send("0", message(NODE, sent_ms=0))
    _, mark = source.read("0", START).marks[0]
    stamped_ms = -mark.ahead_ms
    sender.send("0", message(NODE, sent_ms=stamped_ms + 3_600_000))
    _, ahead = source.read("0", Cursor(0, 1)).marks[0]

    # The second message is stamped later than the first, by less than half an hour.
    assert 1_800_000 < ahead.ahead_ms <= 3_600_000


def test_messages_past_every_outbox_have_no_mark(
    source: StreamSource, sender: Sender
) -> None:
    sender.send("0", message("", [Stretch("", START, START, [(0, SEVEN[0])])]))
    batch = source.read("0", START)

    assert (payloads(batch), list(batch.marks)) == ([b"0"], [])


def test_a_damaged_message_is_a_loss_and_what_lies_before_it_is_read(
    source: StreamSource, sender: Sender
) -> None:
    sender.send("0", message(NODE, [stretch("w1", SEVEN[:1])]))
    sender.send("0", b"no message of ours")
    sender.send("0", message(NODE, [stretch("w1", SEVEN[1:2], 1)]))
    before = source.read("0", START)

    assert (payloads(before), before.cursor) == ([b"0"], Cursor(0, 1))
    with pytest.raises(LogLost, match="messages 2 to 2 of partition 0") as lost:
        source.read("0", before.cursor)
    assert lost.value.goes_on_after == 2
    assert payloads(source.read("0", Cursor(0, 2))) == [b"1"]


def test_messages_that_are_gone_are_never_passed_over(
    source: StreamSource, sender: Sender, address: StreamAddress
) -> None:
    for number in range(5):
        sender.send("0", message(NODE, [stretch("w1", [SEVEN[number]], number)]))
    keep = json.dumps({"seq": 4}).encode()
    sender.ask(f"STREAM.PURGE.{stream_name(address, '0')}", keep)

    with pytest.raises(LogLost, match="messages 2 to 3 of partition 0") as lost:
        source.read("0", Cursor(0, 1))
    assert (lost.value.first, lost.value.last, lost.value.goes_on_after) == (2, 3, 3)
    assert payloads(source.read("0", Cursor(0, 3))) == [b"3", b"4"]


def test_an_empty_stream_whose_messages_are_gone_says_so(
    source: StreamSource, sender: Sender, address: StreamAddress
) -> None:
    for number in range(3):
        sender.send("0", message(NODE, [stretch("w1", [SEVEN[number]], number)]))
    sender.ask(f"STREAM.PURGE.{stream_name(address, '0')}")

    with pytest.raises(LogLost, match="messages 2 to 3 of partition 0"):
        source.read("0", Cursor(0, 1))
    assert source.read("0", Cursor(0, 3)).cursor == Cursor(0, 3)


def test_a_stream_that_was_made_anew_says_so(
    source: StreamSource, sender: Sender
) -> None:
    sender.send("0", message(NODE, [stretch("w1", SEVEN[:1])]))

    with pytest.raises(LogLost, match="messages 2 to 9 of partition 0") as lost:
        source.read("0", Cursor(0, 9))
    assert lost.value.goes_on_after == 0


def test_a_server_that_is_away_is_an_error_and_reading_goes_on_when_it_is_back(
    source: StreamSource, sender: Sender, server: NatsServer
) -> None:
    sender.send("0", message(NODE, [stretch("w1", SEVEN[:1])]))
    assert payloads(source.read("0", START)) == [b"0"]
    server.kill()
    for _ in range(2):
        with pytest.raises(Unavailable):
            source.end("0")
        with pytest.raises(Unavailable):
            source.read("0", START)
    assert [(p.partition, p.alive) for p in source.status()] == [
        ("0", False),
        ("1", False),
        ("u0", False),
    ]
    server.start()
    server.wait_ready()

    # A second after the last try it tries again.
    wait_until(lambda: source.status()[0].alive, "the stream is read again")
    assert source.end("0") == Cursor(0, 1)
    assert payloads(source.read("0", START)) == [b"0"]
    assert [(p.alive, p.segments) for p in source.status()] == [
        (True, 1),
        (True, 0),
        (True, 0),
    ]


def test_half_of_the_messages_are_about_half_of_the_backlog(
    source: StreamSource, sender: Sender
) -> None:
    for number in range(4):
        sender.send("0", message(NODE, [stretch("w1", [SEVEN[number]], number)]))
    whole, half = (source.backlog_bytes({"0": Cursor(0, n)}) for n in (0, 2))

    assert whole > 0
    assert half == round(whole / 2)
    assert source.backlog_bytes({"0": Cursor(0, 4)}) == 0


def test_only_the_time_in_which_the_stream_was_read_makes_a_node_silent(
    address: StreamAddress, sender: Sender
) -> None:
    del sender
    marks = {NODE: Mark(1_000, 1_000)}
    with closing(stream_source(address, "test", source_timeout_ms=60)) as reader:
        # It begins late: what the node sent meanwhile may not have come through yet.
        assert reader.silent("0", 5_000, marks) == {}
        assert reader.silent("0", 5_060, marks) == {}
        gone = reader.silent("0", 5_061, marks)

    assert gone == {NODE: Mark(1_000, 1_000, "silent")}
