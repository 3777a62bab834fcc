"""What is wrong around a shipper costs no record, and sending goes on behind it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import make_streams, stream_name
from bandit_svc.eventlog.stream.outbox import Outbox, Place
from bandit_svc.eventlog.stream.partitions import partition_names
from bandit_svc.eventlog.stream.shipper import IDLE_MS, KEEP_EVERY_MS
from tests.harness.loopback import free_port
from tests.harness.nats.node import NAME, NOW_MS, Node, decision
from tests.harness.nats.servers import nats_server
from tests.harness.nats.taken import shipments, take_all
from tests.harness.process import Process, plain_environment
from tests.harness.waiting import wait_until

HOUR_MS = 3_600_000


def make(address: StreamAddress) -> None:
    with closing(Connection(address, "test")) as connection:
        make_streams(connection, address)


@pytest.fixture
def node(address: StreamAddress, tmp_path: Path) -> Iterator[Node]:
    """Return a node of a stream of this test's own, with one worker."""
    make(address)
    with closing(Node(tmp_path, address)) as made:
        made.new_writer()
        yield made


def append(node: Node, first: int, count: int) -> None:
    """Append decisions by the only worker."""
    node.append(node.writers[0], *(decision(1, first + at) for at in range(count)))


def send(node: Node, now_ms: int) -> None:
    """Send all, and keep up to where it was acknowledged."""
    node.shipper.step(now_ms)
    node.settle(now_ms)
    node.shipper.acknowledge(now_ms + KEEP_EVERY_MS, 0.0)


def test_without_room_for_its_place_sending_goes_on_and_segments_are_deleted(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    append(node, 0, 100)
    send(node, NOW_MS)
    # What lies in the way of the file that is written first, as a full disk does.
    in_the_way = node.data / "outbox" / "place.part"
    in_the_way.mkdir()
    with caplog.at_level(logging.WARNING):
        for turn in range(1, 4):
            append(node, 1_000 * turn, 1_000)
            send(node, NOW_MS + turn * 2 * KEEP_EVERY_MS)
    left = len(list(node.log.glob("*/*.seg")))
    lost = Outbox(node.data).place()
    in_the_way.rmdir()
    # A new process begins with what is left, and names no loss.
    node.shipper.close()
    node.new_shipper()
    append(node, 5_000, 10)
    send(node, NOW_MS + HOUR_MS)

    assert left == 1
    assert lost == Place(0, {})
    (said,) = [r.getMessage() for r in caplog.records if "can't be kept" in r.message]
    assert "make room on the disk" in said
    taken = take_all(node.stream)
    assert taken.total() == 3_110
    assert Outbox(node.data).place() != lost
    assert not any(m.damages for m in shipments(node.stream, "u0"))


def test_a_stream_that_is_deleted_stops_the_sending_until_it_is_made_anew(
    node: Node,
) -> None:
    append(node, 0, 10)
    send(node, NOW_MS)
    append(node, 10, 10)
    with closing(Connection(node.stream, "test")) as connection:
        connection.open()
        for partition in partition_names(node.stream.partitions):
            name = stream_name(node.stream, partition)
            connection.request(f"$JS.API.STREAM.DELETE.{name}")
    with pytest.raises(Unavailable, match="does not exist"):
        send(node, NOW_MS + 1)
    waits = node.shipper.unshipped_bytes()

    make(node.stream)
    send(node, NOW_MS + 2)

    assert waits > 0
    assert node.shipper.unshipped_bytes() == 0
    # What it had is gone with it, which the reader says; the rest is there once.
    assert take_all(node.stream).total() == 10


def test_a_wrong_password_is_named_and_not_printed(tmp_path: Path) -> None:
    with nats_server(password="right") as server:  # noqa: S106 - of this test alone
        at = server.address.removeprefix("nats://")
        wrong, right = (
            stream_address(f"nats://bandit:{word}@{at}/shop?partitions=1")
            for word in ("mistaken", "right")
        )
        make(right)
        with closing(Node(tmp_path, wrong)) as node:
            node.append(node.new_writer(), decision(1, 1))
            with pytest.raises(BanditError, match="Authorization Violation") as refused:
                node.shipper.step(NOW_MS)
        assert "mistaken" not in str(refused.value)
        with closing(Node(tmp_path, right)) as node:
            node.shipper.announce(NOW_MS)

        assert take_all(right).total() == 1


def test_a_clock_that_jumps_back_silences_nobody(node: Node) -> None:
    append(node, 0, 10)
    send(node, NOW_MS)
    for turn in range(3):
        append(node, 10 + 10 * turn, 10)
        send(node, NOW_MS - HOUR_MS + turn * IDLE_MS)

    assert take_all(node.stream).total() == 40
    assert node.shipper.place.mark_ms == NOW_MS - HOUR_MS + 2 * IDLE_MS
    for partition in partition_names(node.stream.partitions):
        sent = [m.mark_ms - NOW_MS for m in shipments(node.stream, partition)]
        assert sent == [0, *(turn * IDLE_MS - HOUR_MS for turn in range(3))]


def test_of_two_processes_over_one_folder_one_sends_until_it_dies(node: Node) -> None:
    node.shipper.close()
    append(node, 0, 10)
    (server,) = node.stream.servers
    variables = plain_environment(
        BANDIT_DATA=str(node.data),
        BANDIT_STREAM=f"nats://{server.host}:{server.port}/{node.stream.name}"
        f"?partitions={node.stream.partitions}",
        # None answers there; then the time of the machine is taken.
        BANDIT_STORE=f"postgresql://bandit@127.0.0.1:{free_port()}/none?schema=none",
        BANDIT_NODE=NAME,
    )
    command = (sys.executable, "-m", "bandit_svc.shipper")
    with ExitStack() as ends:
        both = []
        for at in range(2):
            started = Process(command, node.data.parent / f"shipper-{at}", variables)
            ends.callback(started.end)
            both.append(started)
            both[0].wait_for_words("every partition of the stream knows of this node")
        append(node, 10, 10)
        wait_until(lambda: take_all(node.stream).total() == 20, "all is sent")
        said = both[1].said
        both[0].end()
        append(node, 20, 10)
        wait_until(lambda: take_all(node.stream).total() == 30, "all is sent")

        assert "every partition" not in said
        both[1].wait_for_words("every partition of the stream knows of this node")
