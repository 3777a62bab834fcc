"""A machine whose answers wait for a stream that speaks Kafka's protocol.

The broker keeps its messages in memory: what is shown here is that an answer waits for
its acknowledgement, and not what a broker on disks promises.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bandit_svc.domain.events.decision_id import raw_id
from bandit_svc.domain.events.record import DECISION, WITHDRAWAL
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import START
from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.engines import stream_source
from tests.harness.kafka.brokers import KafkaBroker, address_of, kafka_broker
from tests.harness.nats.web_node import WebNode
from tests.harness.stored.postgres import postgres_server, url_of
from tests.harness.waiting import GENEROUS_S

pytestmark = pytest.mark.e2e

KEY = "hero"


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    """Return the stream's broker."""
    with kafka_broker() as started:
        yield started


@pytest.fixture(scope="module")
def stream(broker: KafkaBroker) -> StreamAddress:
    """Return the address of the stream."""
    return address_of(broker.servers, "shop")


@pytest.fixture(scope="module")
def node(
    broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebNode]:
    """Return a node whose answers wait for the stream."""
    with postgres_server() as address:
        node = WebNode(
            tmp_path_factory.mktemp("kafka") / "node",
            store=url_of(address, "shop"),
            stream=f"kafka://{broker.servers}/shop?partitions=3&replicas=1",
            ack="stream",
        )
        node.wait_until_ready()
        definition = {"key": KEY, "variants": [{"key": "a"}, {"key": "b"}]}
        assert node.post("/v1/experiments", definition)
        yield node
        node.stop()


def decide(node: WebNode, unit: str, **more: str) -> Any:
    """Decide for a unit; None where no good answer came."""
    asked = {"experiment": KEY, "unit_id": unit, **more}
    return node.post("/v1/decisions", asked)


def stored(stream: StreamAddress) -> set[bytes]:
    """Return the ids of the decisions that a reader finds in the stream."""
    found = set()
    with closing(stream_source(stream, "test")) as source:
        for partition in source.partitions():
            cursor, before = START, None
            while cursor != before:
                batch = source.read(partition, cursor)
                cursor, before = batch.cursor, cursor
                found |= {
                    record.payload[:30]
                    for run in batch.runs
                    for record in run.records
                    if record.kind == DECISION
                }
    return found


def test_an_answer_is_in_the_stream_when_it_is_given(
    node: WebNode, stream: StreamAddress
) -> None:
    node.wait_for(lambda: decide(node, "u") is not None, "the experiment known")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: decide(node, f"u{n}"), range(100)))

    assert all(made)
    assert {raw_id(one["decision_id"]) for one in made} <= stored(stream)


def test_a_request_id_has_one_answer_which_is_in_the_stream(
    node: WebNode, stream: StreamAddress
) -> None:
    node.wait_for(lambda: decide(node, "u") is not None, "the experiment known")
    with ThreadPoolExecutor(8) as pool:
        asked = [f"r{number % 10}" for number in range(40)]
        made = list(pool.map(lambda name: decide(node, "u", request_id=name), asked))

    ids = {raw_id(one["decision_id"]) for one in made}
    assert len(ids) == 10
    assert ids <= stored(stream)


def test_without_the_broker_the_answer_is_503_and_the_decision_is_withdrawn(
    node: WebNode, broker: KafkaBroker
) -> None:
    node.wait_for(lambda: decide(node, "u") is not None, "the experiment known")
    broker.stop()
    body = json.dumps({"experiment": KEY, "unit_id": "u"}).encode()
    request = Request(  # noqa: S310 - a server of our own
        f"{node.url}/v1/decisions", body, {"Content-Type": "application/json"}
    )
    with pytest.raises(HTTPError) as refused:
        urlopen(request, timeout=GENEROUS_S)  # noqa: S310

    with closing(refused.value) as answer:
        assert answer.code == 503
        assert answer.headers["Retry-After"]
    reader = FileReader(node.data / "log")

    def is_withdrawn() -> bool:
        batches = [reader.read(name, START) for name in reader.partitions()]
        return any(r.kind == WITHDRAWAL for batch in batches for r in batch.records)

    node.wait_for(is_withdrawn, "the decision withdrawn")
    broker.start()
