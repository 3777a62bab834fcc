"""What the reading end of a stream promises over Kafka's protocol."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import REWARD, Record
from bandit_svc.errors import LogLost, Unavailable
from bandit_svc.eventlog.interface import Batch
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.engines import stream_sink, stream_source
from bandit_svc.eventlog.stream.kafka.messages import MOST_MESSAGES, KafkaMessages
from bandit_svc.eventlog.stream.shipment import encode
from bandit_svc.eventlog.stream.source import StreamSource
from tests.harness.kafka.brokers import address_of
from tests.harness.loopback import free_port
from tests.harness.nats.sending import message, stretch
from tests.harness.waiting import wait_until

NODE = "web-1"


@pytest.fixture
def source(address: StreamAddress) -> Iterator[StreamSource]:
    with closing(stream_source(address, "test")) as opened:
        yield opened


def _send(address: StreamAddress, partition: str, first: int, count: int) -> None:
    """Send messages of one record each, and wait until all are stored."""
    with closing(stream_sink(address, "test")) as sink:
        sink.open()
        for number in range(first, first + count):
            record = Record(REWARD, str(number).encode())
            sent = message(NODE, [stretch("w1", [record], number)], mark_ms=number)
            last = sink.send(partition, encode(sent))

        def stored() -> bool:
            sink.wait(0.2)
            return sink.acknowledged() == last

        wait_until(stored, "all is stored")


def _payloads(batch: Batch) -> list[bytes]:
    return [record.payload for run in batch.runs for record in run.records]


def _read(source: StreamSource, partition: str, after: Cursor, count: int) -> Cursor:
    """Read batches until so many records have come at least; return the place then."""
    found: list[bytes] = []
    cursor = after
    while len(found) < count:
        batch = source.read(partition, cursor)
        found += _payloads(batch)
        cursor = batch.cursor
    upto = after.offset + len(found)
    assert found == [str(number).encode() for number in range(after.offset, upto)]
    assert cursor == Cursor(0, upto)
    return cursor


def test_messages_come_back_in_order_from_any_place(
    address: StreamAddress, source: StreamSource
) -> None:
    count = MOST_MESSAGES + 50
    _send(address, "1", 0, count)
    _send(address, "u0", 0, 3)

    assert _read(source, "1", START, count) == Cursor(0, count)
    assert _read(source, "u0", START, 3) == Cursor(0, 3)
    # Back, and on again: the store's cursor is the only place.
    assert _read(source, "1", Cursor(0, 7), 5).offset >= 12
    assert source.end("1") == Cursor(0, count)
    small = source.read("1", Cursor(0, 5), max_bytes=1)
    assert _payloads(small) == [b"5"]
    assert [(node, mark[:3]) for node, mark in small.marks] == [(NODE, (5, 0, "live"))]


def test_what_comes_later_is_read_where_the_end_was(
    address: StreamAddress, source: StreamSource
) -> None:
    _send(address, "0", 0, 2)
    assert _read(source, "0", START, 2) == Cursor(0, 2)
    assert source.read("0", Cursor(0, 2)) == Batch((), Cursor(0, 2), 0)
    _send(address, "0", 2, 2)

    def come() -> bool:
        return _payloads(source.read("0", Cursor(0, 2))) != []

    # The consumer fetches by itself, and may be a moment behind.
    wait_until(come, "the later messages come")
    assert _read(source, "0", Cursor(0, 2), 2) == Cursor(0, 4)


def test_a_place_that_the_broker_does_not_have_is_never_passed_over(
    brokers: str,
) -> None:
    address = address_of(brokers, "gone")
    _send(address, "0", 0, 2)
    with closing(stream_source(address, "test")) as source:
        with pytest.raises(LogLost, match="messages 3 to 900 of partition 0") as lost:
            source.read("0", Cursor(0, 900))

        assert lost.value.goes_on_after == 0
        assert _read(source, "0", START, 2) == Cursor(0, 2)


def test_messages_that_were_dropped_by_age_are_never_passed_over(brokers: str) -> None:
    """The mock cluster keeps only the last 5 MB of a partition."""
    address = address_of(brokers, "old")
    with closing(stream_sink(address, "test")) as sink:
        sink.open()
        for _ in range(20):
            last = sink.send("0", bytes(900_000))

        def stored() -> bool:
            sink.wait(0.2)
            return sink.acknowledged() == last

        wait_until(stored, "all is stored")
    with closing(KafkaMessages(address, "test")) as messages:
        held = messages.extent("0")
        assert held.first > 1

        with pytest.raises(LogLost) as lost:
            messages.fetch("0", 0, 1_000_000)
        assert (lost.value.first, lost.value.last) == (1, held.first - 1)
        assert messages.fetch("0", lost.value.goes_on_after, 1)[0].number == held.first


def test_brokers_that_are_away_are_an_error() -> None:
    address = address_of(f"127.0.0.1:{free_port()}", "away")
    with closing(stream_source(address, "test")) as source:
        source.partitions()
        with pytest.raises(Unavailable):
            source.end("0")
        with pytest.raises(Unavailable):
            source.read("0", START)
        assert [p.alive for p in source.status()] == [False] * 4
