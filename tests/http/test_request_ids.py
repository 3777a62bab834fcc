"""Each request has a name: in its answer, its problem, its log lines, its decision."""

import json
import logging
import os
from typing import Any

import pytest

from bandit_svc import logs
from bandit_svc.http.incoming.access_log import AccessLog, Answered
from bandit_svc.http.incoming.request_ids import sent_id
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.app import create_app
from bandit_svc.server.hot_routes import HOT, HotRoutes, PlainHeaders, plain_headers
from tests.harness.worker_in_process import WorkerInProcess

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
HERO = {"experiment": "hero"}


@pytest.mark.parametrize(
    ("request_id", "traceparent", "name"),
    [
        *((b"r-1", None, "r-1"), (b"A.z_0~:=+/-", None, "A.z_0~:=+/-")),
        *((b"r-1", TRACEPARENT.encode(), "r-1"), (b"x" * 64, None, "x" * 64)),
        *((None, TRACEPARENT.encode(), TRACE), (None, None, None)),
        *((b"", None, None), (b"x" * 65, None, None), (b"a b", None, None)),
        *((b"a\nb", None, None), (b"\xe9", None, None), (b'a"b', None, None)),
        (b"a\n", None, None),
        (b"a b", TRACEPARENT.encode(), TRACE),
        (None, b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", None),
        (None, TRACEPARENT.upper().encode(), None),
        (None, b"ff" + TRACEPARENT[2:].encode(), None),
        (None, b"cc" + TRACEPARENT[2:].encode() + b"-what-comes", TRACE),
    ],
)
def test_a_plain_name_of_the_caller_is_taken(
    request_id: bytes | None, traceparent: bytes | None, name: str | None
) -> None:
    assert sent_id(request_id, traceparent) == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/"), ("GET", "/nope")),
        *(("POST", "/v1/rewards"), ("POST", "/v1/decisions/batch"), ("PUT", "/docs")),
        *(("OPTIONS", "/v1/decisions"), ("GET", "/v1/experiments")),
    ],
)
def test_every_answer_has_the_name_of_its_request(
    service: WorkerInProcess, method: str, path: str
) -> None:
    named = service.call(method, path, headers={"X-Request-Id": "r-1"})
    traced = service.call(method, path, headers={"traceparent": TRACEPARENT})
    made = [service.call(method, path).headers["X-Request-Id"] for _ in range(3)]

    assert named.headers.getlist("X-Request-Id") == ["r-1"]
    assert traced.headers["X-Request-Id"] == TRACE
    assert len(set(made)) == 3
    if named.mimetype == "application/problem+json":
        assert named.json["request_id"] == "r-1"


def both_ways(
    service: WorkerInProcess, path: str, body: object, **headers: str
) -> list[tuple[dict[str, str], Any]]:
    """POST through Flask and at once; return headers and body of both answers."""
    sent = {"Authorization": f"Bearer {service.secret}"} | headers
    encoded = json.dumps(body).encode()
    by_flask = service.post(path, encoded, headers)
    raw = [(n.lower().encode(), v.encode()) for n, v in sent.items()]
    plain = plain_headers([*raw, (b"host", b"localhost")])
    assert plain is not None
    context = RequestContext(service.worker, lambda: service.now_ms, os.urandom)
    reply = HotRoutes(context).answer(HOT[path.encode()], plain, encoded)
    assert reply.request_id is not None
    return [
        ({"X-Request-Id": by_flask.headers["X-Request-Id"]}, by_flask.get_json()),
        ({"X-Request-Id": reply.request_id}, json.loads(reply.body)),
    ]


def test_a_decision_is_logged_with_the_name_of_its_caller(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    for headers, answer in both_ways(
        service, "/v1/decisions", HERO, **{"X-Request-Id": "r-1"}
    ):
        record = service.get(f"/v1/decisions/{answer['decision_id']}").get_json()

        assert headers["X-Request-Id"] == record["trace_id"] == "r-1"
        assert record["request_id"] is None
    service.learn()
    joined = service.get(f"/v1/decisions/{answer['decision_id']}").get_json()

    assert joined["trace_id"] == "r-1"


def test_a_decision_whose_caller_gave_no_name_is_the_name(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    for headers, answer in both_ways(service, "/v1/decisions", HERO):
        record = service.get(f"/v1/decisions/{answer['decision_id']}").get_json()

        assert headers["X-Request-Id"] == answer["decision_id"]
        assert record["trace_id"] is None


def test_a_problem_has_the_name_of_its_request(service: WorkerInProcess) -> None:
    named = both_ways(
        service, "/v1/decisions", {"experiment": "no"}, **{"X-Request-Id": "r-1"}
    )
    made = both_ways(service, "/v1/decisions", {"experiment": "no"})

    assert [problem["request_id"] for _, problem in named] == ["r-1", "r-1"]
    for headers, problem in made:
        assert problem["request_id"] == headers["X-Request-Id"]


def test_two_names_are_none() -> None:
    names = [(b"x-request-id", b"a"), (b"x-request-id", b"b"), (b"host", b"localhost")]

    # Flask answers it, and joins them by a comma, which no name has.
    assert plain_headers(names) is None
    assert sent_id(b"a,b", None) is None


def test_a_fault_of_ours_is_logged_with_the_name(
    service: WorkerInProcess, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_clock() -> int:
        raise RuntimeError("a context value")

    service.create("hero")
    context = RequestContext(service.worker, broken_clock, os.urandom)
    seen: list[str] = []

    class Seen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logs.add_request_id(record)
            seen.append(record.request_id)  # type: ignore[attr-defined]

    handler = Seen()
    logging.getLogger("bandit_svc.http.problems").addHandler(handler)
    sent = PlainHeaders(
        f"Bearer {service.secret}".encode(), from_page=False, request_id="r-1"
    )
    at_once = HotRoutes(context).answer(HOT[b"/v1/decisions"], sent, b"{}")
    key = {"Authorization": f"Bearer {service.secret}", "X-Request-Id": "r-2"}
    by_flask = create_app(context).test_client()
    answer = by_flask.post("/v1/decisions", json=HERO, headers=key)
    hot = HotRoutes(context).answer(
        HOT[b"/v1/decisions"], sent, json.dumps(HERO).encode()
    )
    logging.getLogger("bandit_svc.http.problems").removeHandler(handler)

    assert (at_once.status, answer.status_code, hot.status) == (400, 500, 500)
    assert seen == ["r-2", "r-1"]
    assert "a context value" not in caplog.text


def test_one_request_of_so_many_is_logged_and_each_that_is_slow_or_a_fault() -> None:
    log = AccessLog(every=10, slow_ms=50)
    sampled = sum(log.wants(201, 0.001) for _ in range(100))
    none = AccessLog(every=0, slow_ms=0)

    assert sampled == 10
    assert log.wants(201, 0.05)
    assert log.wants(500, 0.0)
    assert not any(none.wants(500, 1e9) for _ in range(100))


@pytest.mark.parametrize(("took_s", "level"), [(0.001, "info"), (0.2, "warning")])
def test_a_line_as_json_has_what_was_answered(
    capsys: pytest.CaptureFixture[str], took_s: float, level: str
) -> None:
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    try:
        logs.configure("info", "web[1]", "json")
        log = AccessLog(every=1, slow_ms=100)
        log.write(Answered("POST", "/v1/decisions", 201, took_s, "r-1", "k-1"))
        logs.configure("info", "web[1]")
        log.write(Answered("POST", "/v1/decisions", 201, took_s, "r-1", "k-1"))
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
    structured, console = capsys.readouterr().err.splitlines()
    line = json.loads(structured)
    del line["at"]

    assert line == {
        "level": level,
        "process": "web[1]",
        "logger": "bandit_svc.access",
        "message": line["message"],
        "request_id": "r-1",
        "method": "POST",
        "route": "/v1/decisions",
        "status": 201,
        "took_ms": took_s * 1000,
        "slow": took_s == 0.2,
        "key_id": "k-1",
    }
    assert "POST /v1/decisions 201 in" in console
    assert console.endswith("key=k-1 request=r-1")
