"""Two machines that share a store and a stream: what is answered is in the stream.

One answers when its own log has a record, the other when the stream has it.
"""

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from bandit_svc.domain.events.record import DECISION, WITHDRAWAL
from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from tests.harness.nats.servers import NatsServer, nats_server
from tests.harness.nats.taken import shipments, take_all
from tests.harness.nats.web_node import WebNode
from tests.harness.stored.postgres import postgres_server

pytestmark = pytest.mark.e2e

KEY = "hero"


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Return the stream's server."""
    with nats_server() as started:
        yield started


@pytest.fixture(scope="module")
def stream(server: NatsServer) -> StreamAddress:
    """Return the address of the stream."""
    return stream_address(f"{server.address}/shop?partitions=2")


@pytest.fixture(scope="module")
def nodes(
    server: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[WebNode]]:
    """Return a node that waits for its own log, and one that waits for the stream."""
    with postgres_server() as address:
        parts = conninfo_to_dict(address)
        settings = {
            "store": f"postgresql://{parts['user']}@/{parts['dbname']}"
            f"?host={parts['host']}&schema=shop",
            "stream": f"{server.address}/shop?partitions=2",
        }
        folder = tmp_path_factory.mktemp("nodes")
        started = [_started(folder / "one", ack="local", node="one", **settings)]
        # Machines that share units share the key of their names.
        (folder / "two").mkdir()
        shutil.copy(folder / "one" / "pseudonym.key", folder / "two")
        started += [_started(folder / "two", ack="stream", node="two", **settings)]
        definition = {"key": KEY, "variants": [{"key": "a"}, {"key": "b"}]}
        assert started[0].post("/v1/experiments", definition)
        yield started
        for node in started:
            if node.process.poll() is None:
                node.stop()


def _started(data: Path, **settings: str) -> WebNode:
    node = WebNode(data, **settings)
    node.wait_for(lambda: node.text("/healthz") is not None, "it alive")
    return node


def decide(node: WebNode, unit: str, **more: str) -> Any:
    """Decide for a unit; None where no good answer came."""
    asked = {"experiment": KEY, "unit_id": unit, **more}
    return node.post("/v1/decisions", asked)


def taken_ids(stream: StreamAddress, *kinds: int) -> list[bytes]:
    """Return the records of some kinds that a reader takes, by the ids of decisions.

    Beside them are activations, which tell of answers that were given again.
    """
    found = take_all(stream).records.values()
    return [
        record.payload[:30]
        for records in found
        for record in records
        if record.kind in kinds
    ]


def test_an_answer_that_waits_for_the_stream_is_in_the_stream(
    nodes: list[WebNode], stream: StreamAddress
) -> None:
    nodes[1].wait_for(lambda: decide(nodes[1], "u") is not None, "the experiment known")
    before = take_all(stream).total()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: decide(nodes[1], f"u{n}"), range(100)))

    assert all(made)
    assert take_all(stream).total() == before + 100


def test_both_answer_a_request_id_alike_when_it_comes_at_once(
    nodes: list[WebNode], stream: StreamAddress
) -> None:
    nodes[1].wait_for(lambda: decide(nodes[1], "u") is not None, "the experiment known")
    asked = [(node, f"r{number}") for number in range(40) for node in nodes]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda a: decide(a[0], "u", request_id=a[1]), asked))

    given: dict[str, set[tuple[str, str]]] = {}
    for (_, name), answer in zip(asked, made, strict=True):
        given.setdefault(name, set()).add((answer["decision_id"], answer["variant"]))
    assert all(len(answers) == 1 for answers in given.values())
    ids = taken_ids(stream, DECISION)
    assert len(ids) == len(set(ids))


def test_a_shipper_that_is_killed_loses_and_doubles_nothing(
    nodes: list[WebNode], stream: StreamAddress
) -> None:
    node = nodes[0]
    before = len(taken_ids(stream, DECISION))
    made = 0
    for _ in range(3):
        for pid in node.shipper():
            os.kill(pid, signal.SIGKILL)
        made += sum(decide(node, f"u{number}") is not None for number in range(50))

    assert made == 150
    node.wait_for(lambda: len(taken_ids(stream, DECISION)) == before + 150, "all sent")


def test_without_the_stream_one_node_answers_and_the_other_says_try_again(
    nodes: list[WebNode], server: NatsServer, stream: StreamAddress
) -> None:
    local, waiting = nodes
    before = len(taken_ids(stream, DECISION, WITHDRAWAL))
    server.kill()
    answers = (
        decide(local, "u"),
        decide(waiting, "u"),
        decide(local, "u", request_id="x"),
    )
    server.start()
    server.wait_ready()

    assert [answer is not None for answer in answers] == [True, False, False]
    # Two decisions, and that two were given up.
    local.wait_for(
        lambda: len(taken_ids(stream, DECISION, WITHDRAWAL)) == before + 4, "all sent"
    )
    waiting.wait_for(lambda: decide(waiting, "u") is not None, "it answering again")


def test_nodes_that_end_say_so_after_their_last_record(
    nodes: list[WebNode], stream: StreamAddress
) -> None:
    statuses = [node.stop() for node in nodes]

    assert statuses == [0, 0]
    for partition in ("0", "1", "u0"):
        last = {m.node: m.closed for m in shipments(stream, partition) if m.node}
        assert last == {"one": True, "two": True}
