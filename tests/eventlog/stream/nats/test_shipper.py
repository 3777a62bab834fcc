"""Every record of an outbox is taken once from the stream, whatever dies when."""

import random
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bandit_svc.domain.events.record import UNIT, Record, part_of
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import make_streams
from bandit_svc.eventlog.stream.outbox import Place
from bandit_svc.eventlog.stream.partitions import partition_names
from bandit_svc.eventlog.stream.shipper import IDLE_MS, KEEP_EVERY_MS
from tests.harness.nats.node import (
    NOW_MS,
    PART,
    Node,
    decision,
    partition_in,
    reward,
)
from tests.harness.nats.servers import NatsServer
from tests.harness.nats.taken import Taken, shipments, take_all
from tests.harness.waiting import wait_until

NUMBERS = (1, 2, 3, 4, 5)
LARGE_PART_BYTES = 60_000


@pytest.fixture
def node(address: StreamAddress, tmp_path: Path) -> Iterator[Node]:
    """Return a node of a stream of this test's own."""
    with closing(Connection(address, "test")) as connection:
        make_streams(connection, address)
    with closing(Node(tmp_path, address)) as made:
        yield made


def fill(node: Node) -> None:
    """Write several segments of one worker, 3,000 decisions."""
    writer = node.new_writer()
    for begin in range(0, 3_000, 100):
        node.append(writer, *(decision(1, at) for at in range(begin, begin + 100)))


def check_taken_once(node: Node, taken: Taken) -> None:
    """Require what each worker appended, in its order, in the right partitions."""
    for source, records in node.written.items():
        for partition in partition_names(node.stream.partitions):
            found = taken.records.get((partition, source), [])
            assert [record.payload for record in found] == [
                record.payload
                for record in records
                if partition_in(node.stream, record) == partition
            ]


def test_a_record_lies_in_the_partition_of_its_experiment(node: Node) -> None:
    for writer in (node.new_writer(), node.new_writer()):
        node.append(
            writer,
            *(decision(number, number) for number in NUMBERS),
            Record(UNIT, b"a fact of a unit"),
            *(reward(number, number) for number in NUMBERS),
        )

    node.shipper.step(NOW_MS)
    node.settle(NOW_MS)

    taken = take_all(node.stream)
    check_taken_once(node, taken)
    assert len({partition for partition, _ in taken.records}) == 3
    assert taken.parts == {PART.key: PART.body}
    assert node.shipper.unshipped_bytes() == 0


def test_a_message_marks_the_time_before_which_all_was_sent(node: Node) -> None:
    record = decision(1, 1)
    node.shipper.announce(NOW_MS)
    node.append(node.new_writer(), record)
    for later_ms in (100, 200, IDLE_MS + 100):
        node.shipper.step(NOW_MS + later_ms)
    node.settle(NOW_MS)

    for partition in partition_names(node.stream.partitions):
        marks = [m.mark_ms - NOW_MS for m in shipments(node.stream, partition)]
        # An idle partition hears of the node once a second.
        is_its = partition == partition_in(node.stream, record)
        assert marks == ([0, 100, IDLE_MS + 100] if is_its else [0, IDLE_MS + 100])


def test_a_node_that_ends_sends_the_rest_and_says_that_it_was_all(node: Node) -> None:
    writer = node.new_writer()
    node.shipper.announce(NOW_MS)
    node.append(writer, decision(1, 1))
    had_writers = node.shipper.has_writers()
    node.end(writer)

    node.shipper.finish(NOW_MS + 7)

    names = partition_names(node.stream.partitions)
    last = [shipments(node.stream, partition)[-1] for partition in names]
    assert had_writers
    assert not node.shipper.has_writers()
    assert all(one.closed and one.mark_ms == NOW_MS + 7 for one in last)
    check_taken_once(node, take_all(node.stream))
    # Its writer has ended, and all of it was acknowledged.
    assert FileReader(node.log).partitions() == []


def test_segments_are_deleted_behind_what_was_acknowledged(node: Node) -> None:
    fill(node)
    before = len(list(node.log.glob("*/*.seg")))

    node.shipper.step(NOW_MS)
    node.settle(NOW_MS)
    node.shipper.acknowledge(NOW_MS + KEEP_EVERY_MS, 0.0)

    assert before > 2
    assert len(list(node.log.glob("*/*.seg"))) == 1
    check_taken_once(node, take_all(node.stream))


def test_a_lost_place_costs_a_repetition_and_no_record(node: Node) -> None:
    fill(node)
    node.shipper.step(NOW_MS)
    node.settle(NOW_MS)
    node.shipper.acknowledge(NOW_MS + KEEP_EVERY_MS, 0.0)
    (node.data / "outbox" / "place.json").unlink()
    node.append(node.writers[0], decision(2, 3_000))
    node.shipper.close()
    first = node.new_shipper().place

    node.shipper.announce(NOW_MS)

    taken = take_all(node.stream)
    assert first == Place(0, {})
    assert taken.repeated > 0
    check_taken_once(node, taken)
    assert not any(m.damages for m in shipments(node.stream, "u0"))


def test_no_message_gets_too_large_by_the_parts_of_its_records(node: Node) -> None:
    parts = [part_of(bytes((n,)) * LARGE_PART_BYTES) for n in range(40)]
    writer = node.new_writer(max_segment_bytes=2**26)
    for after in (0, len(parts)):
        records = (decision(1, after + at, part) for at, part in enumerate(parts))
        # The second time the parts lie in what was read before.
        node.append(writer, *records)
        node.shipper.step(NOW_MS + after)
        node.settle(NOW_MS + after)

    taken = take_all(node.stream)
    check_taken_once(node, taken)
    assert taken.total() == 2 * len(parts)
    assert taken.parts == {part.key: part.body for part in parts}


def test_what_is_damaged_in_the_outbox_is_told_to_the_stream(node: Node) -> None:
    writer = node.new_writer()
    node.append(writer, *(decision(1, at) for at in range(10)))
    node.end(writer)
    (segment,) = node.log.glob("*/*.seg")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)

    node.shipper.announce(NOW_MS)

    (damage,) = (d for m in shipments(node.stream, "u0") for d in m.damages)
    assert (damage.what, damage.facts) == ("changed", 1)
    assert take_all(node.stream).total() == 9


@pytest.mark.parametrize("seed", range(3))
def test_every_record_is_taken_once_whatever_dies_when(
    node: Node, server: NatsServer, seed: int
) -> None:
    """Shippers, workers and the server die at random, between all steps."""
    drawn = random.Random(seed)  # noqa: S311 - a world, not a secret
    now_ms, at = NOW_MS, 0
    for _ in range(3):
        node.new_writer()

    def appended() -> None:
        nonlocal at
        count = drawn.randrange(12)
        numbers = drawn.choices(NUMBERS, k=count)
        records = [decision(number, at + i) for i, number in enumerate(numbers)]
        at += count
        node.append(drawn.choice(node.writers), *records)

    for _ in range(150):
        now_ms += drawn.choice((50, KEEP_EVERY_MS))
        appended()
        with suppress(Unavailable):
            node.shipper.step(now_ms)
        appended()
        match drawn.randrange(40):
            case 0 | 1:
                node.shipper.close()
                node.new_shipper()
            case 2:
                node.end(drawn.choice(node.writers))
                node.new_writer()
            case 3:
                server.kill()
                server.start()
                server.wait_ready()
        with suppress(Unavailable):
            node.shipper.acknowledge(now_ms, 0.01)
    for writer in list(node.writers):
        node.end(writer)
    wait_until(lambda: node.finished(now_ms), "all is sent")

    taken = take_all(node.stream)
    check_taken_once(node, taken)
    assert taken.total() == at > 1_000
    assert taken.repeated > 0
    assert FileReader(node.log).partitions() == []
