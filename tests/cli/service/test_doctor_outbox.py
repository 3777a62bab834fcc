"""`bandit-svc doctor` with a stream: what of the log has not come there."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from bandit_svc.clock import now_ms
from bandit_svc.eventlog.stream.address import stream_address
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.jetstream import make_streams
from bandit_svc.eventlog.stream.shipper import KEEP_EVERY_MS
from tests.harness.command import Run
from tests.harness.nats.node import NAME, Node, decision
from tests.harness.nats.servers import nats_server
from tests.harness.stored.postgres import postgres_server, url_of

LONG_AGO_MS = 600_000


class Machine(NamedTuple):
    """A data folder of a machine, its settings, and its outbox without processes."""

    data: Path
    settings: dict[str, str]
    node: Node


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """Return the addresses of a stream's server and of a store's."""
    with nats_server() as nats, postgres_server() as postgres:
        yield nats.address, postgres


@pytest.fixture
def machine(
    run: Run, data: Path, servers: tuple[str, str], request: pytest.FixtureRequest
) -> Iterator[Machine]:
    """Return a machine with a store and a stream of this test's own."""
    nats, postgres = servers
    name = f"t{abs(hash(request.node.nodeid))}"[:20]
    settings = {
        "BANDIT_STREAM": f"{nats}/{name}?partitions=2",
        "BANDIT_STORE": url_of(postgres, name),
        "BANDIT_NODE": NAME,
    }
    made = run("init", "--data", data, **settings)
    assert made.exit_code == 0, made.output
    address = stream_address(settings["BANDIT_STREAM"])
    with closing(Connection(address, "test")) as connection:
        make_streams(connection, address)
    with closing(Node(data, address)) as node:
        yield Machine(data, settings, node)


def sent(machine: Machine, at_ms: int) -> None:
    """Send all that there is, and keep up to where it was acknowledged."""
    shipper = machine.node.shipper
    shipper.step(at_ms)
    machine.node.settle(at_ms)
    shipper.acknowledge(at_ms + KEEP_EVERY_MS, 0.0)


def doctor(run: Run, machine: Machine) -> tuple[int, list[str]]:
    """Return the exit code of a doctor, and its lines."""
    result = run("doctor", "--data", machine.data, **machine.settings)
    return result.exit_code, result.output.splitlines()


def test_what_is_acknowledged_is_told_with_its_place(
    run: Run, machine: Machine
) -> None:
    writer = machine.node.new_writer()
    machine.node.append(writer, decision(1, 1))
    sent(machine, now_ms())

    exit_code, lines = doctor(run, machine)

    assert exit_code == 0, lines
    line, last = lines
    assert line.startswith(f"the outbox of node {NAME}: 0 B are not acknowledged")
    assert f"({writer.partition} to byte" in line
    assert "of segment 1" in line
    assert last == "no faults found"


def test_what_waits_for_long_is_a_fault_with_its_size_and_age(
    run: Run, machine: Machine
) -> None:
    writer = machine.node.new_writer()
    machine.node.append(writer, decision(1, 1))
    sent(machine, now_ms() - LONG_AGO_MS)
    machine.node.append(writer, *(decision(1, at) for at in range(100)))

    exit_code, lines = doctor(run, machine)

    assert exit_code == 1
    (fault,) = lines
    assert fault.startswith(f"the outbox of node {NAME} holds 4.6 kB that the stream")
    assert f"has not acknowledged for 10 min ({writer.partition} to byte" in fault
    assert "start the service" in fault


def test_a_folder_of_which_nothing_was_sent_is_a_fault(
    run: Run, machine: Machine
) -> None:
    machine.node.append(machine.node.new_writer(), decision(1, 1))

    exit_code, lines = doctor(run, machine)

    assert exit_code == 1
    assert "that the stream has not acknowledged yet" in lines[0]


def test_without_a_stream_nothing_is_said_of_an_outbox(
    run: Run, initialised: Path
) -> None:
    assert run("doctor", "--data", initialised).stdout == "no faults found\n"
