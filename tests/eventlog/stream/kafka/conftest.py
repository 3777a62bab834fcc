"""Brokers that speak Kafka's protocol, for the tests of a module."""

from collections.abc import Iterator

import pytest

from bandit_svc.eventlog.stream.address import StreamAddress
from bandit_svc.eventlog.stream.kafka.topic import make_topic
from tests.harness.kafka.brokers import (
    KafkaBroker,
    address_of,
    kafka_broker,
    mock_cluster,
)


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    """Return a broker that the tests of a module share."""
    with kafka_broker() as started:
        yield started


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """Return the addresses of a mock cluster that the tests of a module share."""
    with mock_cluster() as addresses:
        yield addresses


@pytest.fixture(params=["broker", "brokers"])
def address(request: pytest.FixtureRequest) -> StreamAddress:
    """Return the address of a stream of this test's own, made, on each of both."""
    servers = request.getfixturevalue(request.param)
    name = f"T{abs(hash(request.node.nodeid))}"[:20]
    if isinstance(servers, KafkaBroker):
        made = address_of(servers.servers, name)
        make_topic(made, "test")
        return made
    # The mock cluster makes a topic at its first use.
    return address_of(servers, name)
