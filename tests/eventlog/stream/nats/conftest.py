"""One nats-server for the tests of a module; each test has a stream of its own."""

from collections.abc import Iterator

import pytest

from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from tests.harness.nats.servers import NatsServer, nats_server


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Return a server that the tests of a module share."""
    with nats_server() as started:
        yield started


@pytest.fixture
def address(server: NatsServer, request: pytest.FixtureRequest) -> StreamAddress:
    """Return the address of a stream that is this test's own, and not made yet."""
    name = f"T{abs(hash(request.node.nodeid))}"[:20]
    return stream_address(f"{server.address}/{name}?partitions=2")
