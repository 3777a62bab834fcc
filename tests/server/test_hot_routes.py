"""Hot routes are answered as Flask answers: status, headers, body, counts, log.

Clock and entropy stand still, so that both give one decision the same id. Refused
bodies are compared by the fixture `refused` of tests/http, for every row of the tables
of bad decisions and rewards.
"""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import Client

from bandit_svc.eventlog.interface import START, Record
from bandit_svc.http.answers import Reply
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.server.hot_routes import (
    HOT,
    TURN_BYTES,
    HotRoutes,
    PlainHeaders,
    headers_of,
    plain_headers,
    written,
)
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

DECIDE, DECIDE_MANY = "/v1/decisions", "/v1/decisions/batch"
REWARD, REWARD_MANY = "/v1/rewards", "/v1/rewards/batch"


class Answer(NamedTuple):
    """All that a caller and an operator see of one request."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    counted: dict[tuple[str, str], float]
    logged: list[Record]


class Still:
    """A worker whose clock and entropy stand still, with both ways in."""

    def __init__(
        self, service: WorkerInProcess, now_ms: Callable[[], int] | None = None
    ) -> None:
        self._service = service
        self._context = RequestContext(
            service.worker,
            now_ms or (lambda: service.now_ms),
            lambda n: b"\x07" * n,
        )
        self._client = Client(create_app(self._context))
        self._routes = HotRoutes(self._context)
        self._decision_id = service.decide("hero")["decision_id"]

    def by_flask(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request through Flask."""
        sent = self._sent(headers)

        def ask() -> tuple[int, list[tuple[str, str]], bytes]:
            answer = self._client.post(path, data=self._bytes(body), headers=sent)
            return answer.status_code, list(answer.headers), answer.data

        return self._watched(ask)

    def at_once(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request past Flask."""
        raw = [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in (self._sent(headers) | {"Host": "127.0.0.1:80"}).items()
        ]

        def ask() -> tuple[int, list[tuple[str, str]], bytes]:
            plain = plain_headers(raw)
            assert plain is not None
            reply = self._routes.answer(HOT[path.encode()], plain, self._bytes(body))
            headers = headers_of(reply, from_page=plain.from_page)
            return reply.status, headers, reply.body

        return self._watched(ask)

    def _sent(self, headers: dict[str, str] | None) -> dict[str, str]:
        named = {"X-Request-Id": "r-1"}
        key = {"Authorization": f"Bearer {self._service.publishable}"}
        return named | key | (headers or {})

    def _bytes(self, body: object) -> bytes:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return sent.replace(b"GOOD", self._decision_id.encode())

    def _watched(
        self, ask: Callable[[], tuple[int, list[tuple[str, str]], bytes]]
    ) -> Answer:
        """Return an answer, and what it left behind."""
        counts, log = _counts(), self._log()
        status, headers, body = ask()
        counted = {
            name: value - counts.get(name, 0.0)
            for name, value in _counts().items()
            if value != counts.get(name, 0.0)
        }
        return Answer(status, headers, body, counted, self._log()[len(log) :])

    def _log(self) -> list[Record]:
        reader = self._service.worker.reader
        return [
            record
            for partition in reader.partitions()
            for record in reader.read(partition, START).records
        ]


def _counts() -> dict[tuple[str, str], float]:
    """Return every counter, without those of durations."""
    return {
        (sample.name, str(sorted(sample.labels.items()))): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith("bandit_")
        and sample.name.endswith(("_total", "_count"))
    }


@pytest.fixture(scope="module")
def still(start_shared_worker: StartWorker) -> Iterator[Still]:
    service = start_shared_worker()
    service.create("hero", request_variants="replace")
    service.create("paused")
    service.patch("/v1/experiments/paused", {"status": "paused"})
    yield Still(service)
    service.close()


EVENT, EVENT_MANY = "/v1/events", "/v1/events/batch"
HERO = {"experiment": "hero"}
PLAIN = [
    (DECIDE, HERO),
    (DECIDE, HERO | {"unit_id": "ü", "context": {"device": "mobile", "u": {"a": 1}}}),
    (DECIDE, HERO | {"exclude": ["a"], "defer": True}),
    (DECIDE, HERO | {"exclude": ["a", "b"]}),
    (DECIDE, HERO | {"variants": [{"key": "z", "payload": {"img": "é"}}]}),
    (DECIDE, HERO | {"request_id": "again"}),
    (DECIDE, {"experiment": "paused"}),
    (DECIDE, {"experiment": "nowhere"}),
    (DECIDE, b""),
    (DECIDE, b"\xff"),
    (DECIDE_MANY, {"decisions": []}),
    (DECIDE_MANY, {"decisions": [HERO, {"experiment": 1}, {"experiment": "paused"}]}),
    (DECIDE_MANY, b"[]"),
    (REWARD, {"decision_id": "GOOD", "value": 1.0}),
    (REWARD, {"decision_id": "GOOD", "value": 1.0, "reward_id": "r", "metric": "m"}),
    (REWARD, {"decision_id": "GOOD", "value": 7.0}),
    (REWARD, {"decision_id": "no", "value": 1.0}),
    (REWARD_MANY, {"rewards": [{"decision_id": "GOOD", "value": 0.5}, {}]}),
    (EVENT, {"unit_id": "u", "event": "viewed", "event_id": "e"}),
    (EVENT, {"unit_id": "u", "event": "viewed"}),
    (EVENT, {"unit_id": "", "event": "viewed"}),
    (EVENT, b"[]"),
    (EVENT_MANY, {"events": [{"unit_id": "u", "event": "viewed"}, {}]}),
]
KEYS = [
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "bearer  bpk_wrong "},
    {"Authorization": "Basic dTpw"},
    {"Authorization": "Bearer \xff"},
]


@pytest.mark.parametrize(("path", "body"), PLAIN)
def test_a_plain_request_gets_the_bytes_that_flask_gives(
    still: Still, path: str, body: object
) -> None:
    if b"request_id" in json.dumps(body, default=str).encode():
        still.at_once(path, body)
    by_flask = still.by_flask(path, body)

    assert still.at_once(path, body) == by_flask


def test_a_page_of_another_origin_gets_the_headers_that_flask_gives(
    still: Still,
) -> None:
    origin = {"Origin": "https://shop.example"}
    by_flask = still.by_flask(DECIDE, HERO, origin)

    assert ("Access-Control-Allow-Origin", "*") in by_flask.headers
    assert still.at_once(DECIDE, HERO, origin) == by_flask


@pytest.mark.parametrize("sent", ["1", "0", ""])
@pytest.mark.parametrize(("path", "body"), PLAIN)
def test_a_browser_that_asks_for_privacy_gets_the_bytes_that_flask_gives(
    still: Still, path: str, body: object, sent: str
) -> None:
    privacy = {"Sec-GPC": sent}
    if b"request_id" in json.dumps(body, default=str).encode():
        still.at_once(path, body, privacy)
    by_flask = still.by_flask(path, body, privacy)

    assert still.at_once(path, body, privacy) == by_flask


@pytest.mark.parametrize("path", [path.decode() for path in HOT])
@pytest.mark.parametrize("key", KEYS)
def test_a_request_without_a_valid_key_gets_the_bytes_that_flask_gives(
    still: Still, path: str, key: dict[str, str]
) -> None:
    by_flask = still.by_flask(path, HERO, key)

    assert by_flask.status == 401
    assert still.at_once(path, HERO, key) == by_flask


def test_a_closed_log_is_503_with_retry_after_either_way(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    service.create("hero")
    still = Still(service)
    service.worker.log.close()
    batch = {"decisions": [HERO]}
    for path, body in ((DECIDE, HERO), (DECIDE_MANY, batch)):
        by_flask = still.by_flask(path, body)

        assert ("Retry-After", "1") in by_flask.headers
        assert still.at_once(path, body) == by_flask
    service.close()


def test_a_fault_of_ours_is_500_either_way(start_worker: StartWorker) -> None:
    def broken() -> int:
        raise RuntimeError("no clock")

    service = start_worker()
    service.create("hero")
    still = Still(service, broken)
    by_flask = still.by_flask(DECIDE, HERO)

    assert by_flask.status == 500
    assert still.at_once(DECIDE, HERO) == by_flask
    service.close()


HOST = (b"host", b"127.0.0.1:8000")
ODD = [
    [],
    [(b"host", b"")],
    [(b"host", b"a b")],
    [(b"host", b"[::1]:8000")],
    [HOST, HOST],
    [HOST, (b"authorization", b"a"), (b"authorization", b"b")],
    [HOST, (b"transfer-encoding", b"chunked")],
    [HOST, (b"upgrade", b"websocket")],
    [HOST, (b"expect", b"100-continue")],
]


@pytest.mark.parametrize("sent", ODD, ids=str)
def test_headers_that_are_not_plain_are_for_flask(
    sent: list[tuple[bytes, bytes]],
) -> None:
    assert plain_headers([HOST]) == PlainHeaders(b"", from_page=False)
    assert plain_headers(sent) is None


@pytest.mark.parametrize("from_page", [False, True])
@pytest.mark.parametrize("own", [None, {"Retry-After": "1"}])
def test_the_written_bytes_are_the_status_the_headers_and_the_body(
    own: dict[str, str] | None, *, from_page: bool
) -> None:
    reply = Reply(503, b"{}", "application/problem+json", own)
    sent = PlainHeaders(b"", from_page)
    head, body = written(reply, sent, b"Date: today\r\n").split(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")

    assert status == "HTTP/1.1 503 Service Unavailable"
    assert sorted(lines) == sorted(
        f"{name}: {value}"
        for name, value in [*headers_of(reply, from_page=from_page), ("Date", "today")]
    )
    assert body == b"{}"


def test_what_would_hold_up_a_loop_is_answered_in_turns_or_by_a_thread(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    context = RequestContext(service.worker, lambda: 0, bytes)
    routes = HotRoutes(context)
    one, many = HOT[DECIDE.encode()], HOT[DECIDE_MANY.encode()]

    assert routes.fits_in_a_turn(one, b" " * one.limit)
    assert routes.fits_in_a_turn(many, b" " * TURN_BYTES)
    assert not routes.fits_in_a_turn(many, b" " * (TURN_BYTES + 1))
    assert not routes.waits(many, b" " * (TURN_BYTES + 1))
    assert not routes.fits_in_a_turn(one, b'{"request_id": "r"}')
    assert routes.waits(one, b'{"request_id": "r"}')
    service.close()
