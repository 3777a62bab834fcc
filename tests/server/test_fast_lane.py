"""The fast lane answers as Flask does: status, headers, body, counts, log.

Clock and entropy stand still, so that both give one decision the same id. Refused
bodies are compared by the fixture `refused` of tests/http, for every row of the tables
of bad decisions and rewards.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from prometheus_client import REGISTRY
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from bandit_svc.eventlog.interface import START, Record
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.server.fast_lane import HOT, FastLane
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

DECIDE, DECIDE_MANY = "/v1/decisions", "/v1/decisions/batch"
REWARD, REWARD_MANY = "/v1/rewards", "/v1/rewards/batch"


class Answer(NamedTuple):
    """All that a caller and an operator see of one request."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    counted: dict[tuple[str, str], float]
    logged: list[Record]


class Still:
    """A worker whose clock and entropy stand still, with both ways in."""

    def __init__(self, service: WorkerInProcess) -> None:
        self._service = service
        self.request_context = RequestContext(
            service.worker, lambda: service.now_ms, lambda n: b"\x07" * n
        )
        lane = create_app(self.request_context).wsgi_app
        assert isinstance(lane, FastLane)
        self.lane = lane
        self.decision_id = json.loads(
            self.ask(lane, DECIDE, {"experiment": "hero"}).body
        )["decision_id"]

    def environ(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> "WSGIEnvironment":
        """Make a request as a server hands it on."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = sent.replace(b"GOOD", getattr(self, "decision_id", "").encode())
        key = {"Authorization": f"Bearer {self._service.publishable}"}
        builder = EnvironBuilder(
            path,
            "http://127.0.0.1:8000",
            method="POST",
            data=sent,
            headers=Headers(key | (headers or {})),
        )
        environ = builder.get_environ()
        builder.close()
        # A builder tells no length of an empty body, as servers do.
        return environ | {"CONTENT_LENGTH": str(len(sent))}

    def ask(
        self,
        application: "WSGIApplication",
        path: str,
        body: object,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request one way; give the answer and what it left behind."""
        started: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _error: object = None
        ) -> Callable[[bytes], object]:
            started.extend((status, headers))
            return lambda _: None

        counts, log = _counts(), self._log()
        environ = self.environ(path, body, headers)
        got = b"".join(application(environ, start_response))
        counted = {
            name: value - counts.get(name, 0.0)
            for name, value in _counts().items()
            if value != counts.get(name, 0.0)
        }
        logged = self._log()[len(log) :]
        return Answer(started[0], started[1], got, counted, logged)

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
def still(start_worker: StartWorker) -> Iterator[Still]:
    service = start_worker()
    service.create("hero", request_variants="replace")
    service.create("paused")
    service.patch("/v1/experiments/paused", {"status": "paused"})
    yield Still(service)
    service.close()


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
        still.ask(still.lane, path, body)
    by_flask = still.ask(still.lane.beyond, path, body)
    by_lane = still.ask(FastLane(still.request_context, _unreachable), path, body)

    assert by_lane == by_flask


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize("key", KEYS)
def test_a_request_without_a_valid_key_gets_the_bytes_that_flask_gives(
    still: Still, path: str, key: dict[str, str]
) -> None:
    by_flask = still.ask(still.lane.beyond, path, HERO, key)
    by_lane = still.ask(FastLane(still.request_context, _unreachable), path, HERO, key)

    assert by_flask.status == "401 UNAUTHORIZED"
    assert by_lane == by_flask


def test_a_closed_log_is_503_with_retry_after_either_way(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    service.create("hero")
    still = Still(service)
    service.worker.log.close()
    batch = {"decisions": [HERO]}
    for path, body in ((DECIDE, HERO), (DECIDE_MANY, batch)):
        by_flask = still.ask(still.lane.beyond, path, body)
        by_lane = still.ask(FastLane(still.request_context, _unreachable), path, body)

        assert ("Retry-After", "1") in by_flask.headers
        assert by_lane == by_flask
    service.close()


def test_a_fault_of_ours_is_500_either_way(still: Still) -> None:
    def broken() -> int:
        raise RuntimeError("no clock")

    request_context = RequestContext(
        still.request_context.worker, broken, still.request_context.entropy
    )
    lane = create_app(request_context).wsgi_app
    assert isinstance(lane, FastLane)
    by_flask = still.ask(lane.beyond, DECIDE, HERO)
    by_lane = still.ask(lane, DECIDE, HERO)

    assert by_flask.status == "500 INTERNAL SERVER ERROR"
    assert by_lane == by_flask


ODD: list[dict[str, Any]] = [
    {"REQUEST_METHOD": "PUT"},
    {"REQUEST_METHOD": "OPTIONS"},
    {"REQUEST_METHOD": "post"},
    {"QUERY_STRING": "a=1"},
    {"SCRIPT_NAME": "/below"},
    {"PATH_INFO": "/v1/decisions/"},
    {"PATH_INFO": "//v1/decisions"},
    {"HTTP_TRANSFER_ENCODING": "chunked"},
    {"HTTP_UPGRADE": "websocket"},
    {"CONTENT_LENGTH": ""},
    {"CONTENT_LENGTH": "-1"},
    {"CONTENT_LENGTH": "+21"},
    {"CONTENT_LENGTH": "2_1"},
    {"CONTENT_LENGTH": "\N{SUPERSCRIPT TWO}"},
    {"CONTENT_LENGTH": "9" * 5000},
    {"CONTENT_LENGTH": "65537"},
    {"HTTP_HOST": ""},
    {"HTTP_HOST": "a b"},
    {"HTTP_HOST": "[::1]:8000"},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_whatever_is_not_plain_goes_on_to_flask_untouched(
    still: Still, odd: dict[str, Any]
) -> None:
    seen = []

    def beyond(environ: "WSGIEnvironment", _start: "StartResponse") -> Iterable[bytes]:
        seen.append((dict(environ), environ["wsgi.input"].read()))
        return [b"beyond"]

    environ = still.environ(DECIDE, HERO) | odd
    answer = FastLane(still.request_context, beyond)(dict(environ), _never_started)

    assert answer == [b"beyond"]
    assert seen == [(environ, json.dumps(HERO).encode())]


def test_a_body_that_ends_early_goes_on_to_flask_whole(still: Still) -> None:
    seen = []

    def beyond(environ: "WSGIEnvironment", _start: "StartResponse") -> Iterable[bytes]:
        seen.append(environ["wsgi.input"].read())
        return []

    environ = still.environ(DECIDE, HERO)
    environ["wsgi.input"] = BytesIO(b'{"experi')
    FastLane(still.request_context, beyond)(environ, _never_started)

    assert seen == [b'{"experi']


def _unreachable(
    _environ: "WSGIEnvironment", _start: "StartResponse"
) -> Iterable[bytes]:
    raise AssertionError("a plain request went on to Flask")


def _never_started(*_: object) -> Callable[[bytes], object]:
    raise AssertionError("the lane answered what it should have handed on")
