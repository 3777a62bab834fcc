"""Visitors send again what got no answer, to the next node and under the same id."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from benchmarks.cluster.crowd import Crowd, Entrance
from benchmarks.cluster.ledger import Ledger, Told
from tests.harness.fakes.json_server import Answer, Asked, json_server
from tests.harness.waiting import wait_until


class Nodes:
    """Two nodes; the first answers nothing useful while it is `away`."""

    def __init__(self) -> None:
        self.away = False
        self.status = 503
        self.addresses: list[tuple[str, int]] = []
        self.asked: list[tuple[int, str]] = []
        self._lock = threading.Lock()
        self._count = 0

    def respond(self, node: int, asked: Asked) -> Answer:
        if node == 0 and self.away:
            return Answer(self.status, {"detail": "not now"})
        if asked.path == "/v1/rewards":
            return Answer(202, {"status": "accepted"})
        request_id = asked.body.get("request_id")
        with self._lock:
            self._count += 1
            if request_id is not None:
                self.asked.append((node, request_id))
            decision_id = f"d{request_id or self._count}"
        return Answer(201, {"decision_id": decision_id, "variant": "sneakers"})


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    found = Nodes()
    with ExitStack() as ends:
        for node in range(2):
            url = ends.enter_context(json_server(partial(found.respond, node)))
            host, _, port = url.removeprefix("http://").partition(":")
            found.addresses.append((host, int(port)))
        yield found


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def crowd(nodes: Nodes, ledger: Ledger) -> Iterator[Crowd]:
    crowd = Crowd(Entrance(nodes.addresses, "key", ["hero-1"]), 200.0, ledger)
    crowd.start()
    yield crowd
    crowd.end(0.0)


def test_what_is_answered_is_noted(crowd: Crowd, ledger: Ledger) -> None:
    wait_until(lambda: len(ledger.decisions) > 50 and ledger.rewards, "some answers")

    assert crowd.end(60.0)
    assert ledger.unanswered == ledger.repeated == 0
    assert ledger.rewards.keys() <= ledger.decisions.keys()
    assert {told.node for told in ledger.decisions.values()} == {0, 1}


def test_a_request_with_an_id_goes_to_the_next_node(
    crowd: Crowd, ledger: Ledger, nodes: Nodes
) -> None:
    nodes.away = True
    wait_until(lambda: ledger.repeated > 5 and ledger.unanswered > 5, "failures")
    nodes.asked.clear()

    wait_until(
        lambda: any(node == 1 and of_first(request) for node, request in nodes.asked),
        "a request of the first node's at the second",
    )
    nodes.away = False
    assert crowd.end(60.0)
    assert ledger.differing == []


def of_first(request_id: str) -> bool:
    """Return whether a visitor of the first node made a request."""
    _, visitor, _ = request_id.split("-")
    return int(visitor) % 2 == 0


def test_a_refusal_is_noted_and_not_sent_again(
    crowd: Crowd, ledger: Ledger, nodes: Nodes
) -> None:
    nodes.away, nodes.status = True, 404
    wait_until(lambda: ledger.refused["decision: 404 not now"] > 3, "refusals")

    assert crowd.end(60.0)
    assert ledger.unanswered == 0


def test_one_that_waits_for_an_answer_for_ever_is_given_up(
    crowd: Crowd, ledger: Ledger, nodes: Nodes
) -> None:
    nodes.addresses.reverse()
    nodes.away = True
    wait_until(lambda: ledger.unanswered > 0, "a failure")

    crowd.end(0.0)


def test_the_first_answer_of_a_node_since_a_moment(ledger: Ledger) -> None:
    for name, node, at_s in (("a", 0, 1.0), ("b", 1, 2.0), ("c", 0, 3.0)):
        ledger.decided(name, Told("hero-1", node, at_s), None)

    assert ledger.first_since(0, 0.5) == "a"
    assert ledger.first_since(0, 2.5) == "c"
    assert ledger.first_since(1, 2.5) is None
