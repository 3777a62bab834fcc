"""Of several who claim a request at once, one is the first, and all learn which."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from bandit_svc.domain.events.decision_id import DecisionIds
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import StreamAddress, stream_address
from bandit_svc.eventlog.stream.nats.connection import Connection
from bandit_svc.eventlog.stream.nats.first_answers import REST_S, JetFirstAnswers
from bandit_svc.eventlog.stream.nats.jetstream import make_streams
from tests.harness.loopback import free_port
from tests.harness.nats.servers import nats_server

IDS = DecisionIds(bytes(32))


def request_id(name: str) -> str:
    """Return the id of the decision of a request."""
    return IDS.issue_for_request(1, name, deferred=False)


@pytest.fixture
def stream(address: StreamAddress) -> StreamAddress:
    """Return the address of a stream of this test's own."""
    with closing(Connection(address, "test")) as connection:
        make_streams(connection, address)
    return address


@pytest.fixture
def nodes(stream: StreamAddress) -> Iterator[list[JetFirstAnswers]]:
    """Return the ends of two nodes."""
    made = [JetFirstAnswers(stream, name) for name in ("one", "two")]
    yield made
    for node in made:
        node.close()


def test_of_many_claims_at_once_one_is_the_first(nodes: list[JetFirstAnswers]) -> None:
    asked = [
        (request_id(f"r{number}"), f"{at} {number}".encode(), node)
        for number in range(30)
        for at, node in enumerate(nodes * 4)
    ]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda a: a[2].claim(a[0], a[1]), asked))

    given: dict[str, list[bytes]] = {}
    for (decision_id, mine, _), first in zip(asked, answers, strict=True):
        given.setdefault(decision_id, []).append(mine if first is None else first)
    assert answers.count(None) == 30
    assert all(len(set(found)) == 1 for found in given.values())


def test_a_claim_that_is_sent_again_is_still_the_first(
    nodes: list[JetFirstAnswers],
) -> None:
    claims = [nodes[0].claim(request_id("r"), b"mine") for _ in range(2)]

    assert claims == [None, None]
    assert nodes[1].claim(request_id("r"), b"yours") == b"mine"


def test_a_connection_that_the_server_has_closed_is_opened_anew() -> None:
    with nats_server() as server:
        address = stream_address(f"{server.address}/test?partitions=1")
        with closing(Connection(address, "test")) as connection:
            make_streams(connection, address)
        with closing(JetFirstAnswers(address, "test")) as answers:
            answers.claim(request_id("a"), b"a")
            server.stop()
            server.start()
            server.wait_ready()

            assert answers.claim(request_id("b"), b"b") is None
            assert answers.claim(request_id("a"), b"other") == b"a"


def test_a_stream_that_is_away_is_not_asked_again_for_a_while(
    address: StreamAddress,
) -> None:
    now_s = [0.0]
    dead = address._replace(
        servers=(address.servers[0]._replace(port=free_port()),), partitions=1
    )
    answers = JetFirstAnswers(dead, "test", clock_s=lambda: now_s[-1])
    why = []
    for later_s in (0.0, REST_S / 2, REST_S):
        now_s.append(later_s)
        with pytest.raises(Unavailable, match="request_id can't be answered") as error:
            answers.claim(request_id("r"), b"mine")
        why.append("a moment ago" in error.value.message)

    assert why == [False, True, False]
