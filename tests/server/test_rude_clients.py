"""What clients may send, and how, to a real gunicorn: over real sockets.

Slow clients meet a service of short limits, and wait for it to end them.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.waiting import wait_until
from tests.harness.web.gunicorn import Gunicorn, Patient
from tests.harness.web.raw_client import GET, RawClient, Requests, connected

pytestmark = pytest.mark.e2e

MOST = 40
Sent = Callable[[Requests], list[bytes]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(
        tmp_path_factory.mktemp("gunicorn"),
        workers=1,
        BANDIT_CONNECTIONS=str(MOST),
    )
    try:
        gunicorn.start()
        yield gunicorn
    finally:
        assert gunicorn.stop() == 0
        assert "Traceback" not in gunicorn.said


@pytest.fixture(scope="module")
def requests(service: Gunicorn) -> Requests:
    return Requests(service.secret)


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def in_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


CHUNKS = b"Transfer-Encoding: chunked"
SERVED: list[tuple[str, Sent, list[int]]] = [
    ("one", lambda r: [r.hot], [201]),
    ("50 in one piece", lambda r: [r.hot * 50], [201] * 50),
    ("1,000 in one piece", lambda r: [r.hot * 1_000], [201] * 1_000),
    (
        "hot and others in turn",
        lambda r: [r.hot * 2 + GET + r.hot + r.on_disk + r.hot + r.to_flask + r.batch],
        [201, 201, 200, 201, 201, 201, 201, 200],
    ),
    ("others first", lambda r: [GET + r.hot * 40 + GET], [200, *[201] * 40, 200]),
    ("a byte at a time", lambda r: in_bytes(r.hot), [201]),
    ("a batch in pieces", lambda r: [r.batch[:200], r.batch[200:]], [200]),
    ("10 large batches in one piece", lambda r: [r.large * 10], [200] * 10),
    (
        "a large batch behind others",
        lambda r: [GET + r.large + r.hot + r.large + GET + r.on_disk],
        [200, 200, 201, 200, 200, 201],
    ),
    (
        "chunks",
        lambda r: [
            r.head(CHUNKS),
            chunked(r.body[:9]),
            chunked(r.body[9:]),
            b"0\r\n\r\n",
        ],
        [201],
    ),
    (
        "expect",
        lambda r: [r.post(r.body, b"Expect: 100-continue")],
        [201],
    ),
    ("50 headers", lambda r: [r.post(r.body, *[b"X: y"] * 50)], [201]),
    ("a body of 65 kB", lambda r: [r.post(b" " * 65_537)], [413]),
    ("no key", lambda r: [r.hot.replace(b"Bearer", b"Basic")], [401]),
    ("no JSON", lambda r: [r.post(b"{"), r.hot], [400, 201]),
]


@pytest.mark.parametrize(
    ("sent", "statuses"), [s[1:] for s in SERVED], ids=[s[0] for s in SERVED]
)
def test_each_request_has_its_answer_in_order_and_the_connection_stays(
    service: Gunicorn, requests: Requests, sent: Sent, statuses: list[int]
) -> None:
    with connected(service.port) as client:
        for piece in sent(requests):
            client.send(piece)
        got = client.statuses(len(statuses))
        client.send(GET)
        after = client.statuses(1)

    assert (got, after) == (statuses, [200])


ENDED: list[tuple[str, Sent, str]] = [
    ("close", lambda r: [r.post(r.body, b"Connection: close")], "HTTP/1.1 201"),
    ("HTTP/1.0", lambda r: [r.hot.replace(b"/1.1", b"/1.0")], "HTTP/1.0 201"),
    (
        "chunks and a length",
        lambda r: [r.head(CHUNKS, b"Content-Length: 5") + b"0\r\n\r\n"],
        "HTTP/1.1 400",
    ),
    (
        "two lengths",
        lambda r: [r.head(b"Content-Length: 5", b"Content-Length: 6") + b"12345"],
        "HTTP/1.1 400",
    ),
    ("150 headers", lambda r: [r.post(r.body, *[b"X: y"] * 150)], "HTTP/1.1 431"),
    (
        "a header of 20 kB",
        lambda r: [r.post(r.body, b"X: " + b"a" * 20_000)],
        "HTTP/1.1 431",
    ),
    ("a line of 10 kB", lambda _: [GET.replace(b"z ", b"a" * 10_000)], "HTTP/1.1 414"),
    ("TLS", lambda _: [b"\x16\x03\x01\x02\x00garbage\r\n\r\n"], "HTTP/1.1 400"),
    (
        "900 MB declared",
        lambda r: [r.head(b"Content-Length: 900000000")],
        "HTTP/1.1 413",
    ),
    (
        "endless chunks",
        lambda r: [r.head(CHUNKS), *[chunked(b" " * 65_536)] * 140],
        "HTTP/1.1 413",
    ),
]


@pytest.mark.parametrize(
    ("sent", "status"), [s[1:] for s in ENDED], ids=[s[0] for s in ENDED]
)
def test_a_connection_that_can_not_go_on_is_answered_and_closed(
    service: Gunicorn, requests: Requests, sent: Sent, status: str
) -> None:
    with connected(service.port) as client:
        for piece in sent(requests):
            client.send(piece)
        got, headers, body = client.answer()
        rest = client.rest()

    assert got.startswith(status)
    if got.split()[1] > "201":
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == int(got.split()[1])
    assert rest == b""
    assert headers.get("connection", "close") == "close"


def test_a_body_whose_rest_never_comes_is_not_decided(
    service: Gunicorn, requests: Requests
) -> None:
    before = decided(service)
    cut = b"Content-Length: %d" % (len(requests.body) + 50)
    for target in (b"/v1/decisions", b"/v1/decisions?x=1"):
        with connected(service.port) as client:
            client.send(requests.head(cut, target=target) + requests.body)
            client.socket.shutdown(socket.SHUT_WR)
            assert client.rest() == b""

    assert decided(service) == before


def decided(service: Gunicorn) -> float:
    """Return how many decisions the worker has counted."""
    name = 'bandit_http_requests_total{route="/v1/decisions",status="201"}'
    return service.metric(name)


def test_resets_are_counted_and_leave_nothing_behind(
    service: Gunicorn, requests: Requests
) -> None:
    name = 'bandit_connections_ended_total{reason="reset"}'
    before = service.metric(name)
    at_once = struct.pack("ii", 1, 0)
    for _ in range(50):
        with connected(service.port) as client:
            client.send(requests.hot * 20)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    service.wait_for(lambda: service.metric(name) >= before + 50, "50 resets counted")

    # The fixture looks for tracebacks at the end.
    assert service.decide()[0] == 201


def test_a_client_that_does_not_read_is_not_read_from_and_loses_nothing(
    service: Gunicorn, requests: Requests
) -> None:
    count = 20_000
    with connected(service.port, read_buffer=4_096) as client:
        sender = threading.Thread(target=client.send, args=(requests.hot * count,))
        sender.start()
        others = [service.decide()[0] for _ in range(20)]
        got = client.statuses(count)
        sender.join()

    assert others == [201] * 20
    assert got == [201] * count


SLOW: list[tuple[str, Sent, list[str]]] = [
    ("silent", lambda _: [], []),
    ("half a head", lambda r: [r.hot[:30]], ["HTTP/1.1 408"]),
    ("half a hot body", lambda r: [r.hot[:-3]], ["HTTP/1.1 408"]),
    ("half a body", lambda r: [r.to_flask[:-3]], ["HTTP/1.1 408"]),
    ("idle after a hot one", lambda r: [r.hot], ["HTTP/1.1 201"]),
    ("idle after another", lambda _: [GET], ["HTTP/1.1 200"]),
    (
        "half a second one",
        lambda r: [r.hot + GET[:9]],
        ["HTTP/1.1 201", "HTTP/1.1 408"],
    ),
]


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Gunicorn]:
    """Return a service whose limits are over before a test is."""
    stages = ("HEAD", "BODY", "IDLE")
    limits = {f"BANDIT_{stage}_TIMEOUT_S": "5" for stage in stages}
    gunicorn = Gunicorn(tmp_path, workers=1, **limits)
    try:
        gunicorn.start()
        yield gunicorn
    finally:
        assert gunicorn.stop() == 0


def test_a_client_that_is_too_slow_is_ended_and_told_why(impatient: Gunicorn) -> None:
    service, requests = impatient, Requests(impatient.secret)
    clients = [RawClient(service.port) for _ in SLOW]
    for client, (_, sent, _) in zip(clients, SLOW, strict=True):
        for piece in sent(requests):
            client.send(piece)
    ends = [client.rest().decode() for client in clients]
    for client in clients:
        client.close()

    for end, (name, _, statuses) in zip(ends, SLOW, strict=True):
        lines = [line for line in end.split("\r\n") if "HTTP/1.1 " in line]
        assert len(lines) == len(statuses), name
        assert all(s in line for s, line in zip(statuses, lines, strict=True)), name


def test_a_connection_too_many_is_told_to_come_again(
    service: Gunicorn, requests: Requests
) -> None:
    open_ones = [RawClient(service.port) for _ in range(MOST)]
    open_ones[0].send(requests.hot)
    with connected(service.port) as client:
        status, headers, _ = client.answer()
    for one in open_ones:
        one.close()
    wait_until(lambda: service.decide()[0] == 201, "room for a connection")

    assert status.startswith("HTTP/1.1 503")
    assert headers["retry-after"] == "1"


def test_a_stopping_worker_closes_idle_connections_and_loses_no_answer(
    tmp_path: Path,
) -> None:
    gunicorn = Patient(tmp_path, workers=1)
    answered: list[str] = []

    def ask(client: RawClient, sent: bytes) -> None:
        while True:
            client.send(sent)
            try:
                _, headers, body = client.answer()
            except EOFError:
                return
            answered.append(json.loads(body)["decision_id"])
            if headers.get("connection") == "close":
                return

    try:
        gunicorn.start()
        requests = Requests(gunicorn.secret)
        idle = [RawClient(gunicorn.port) for _ in range(20)]
        for client in idle:
            client.send(GET)
            client.answer()
        busy = [RawClient(gunicorn.port) for _ in range(4)]
        threads = [threading.Thread(target=ask, args=(c, requests.hot)) for c in busy]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answered) > 200, "200 answers")
    finally:
        stopped = gunicorn.stop()
    for thread in threads:
        thread.join()
    rests = [client.rest() for client in idle]
    for client in (*idle, *busy):
        client.close()

    assert stopped == 0
    assert rests == [b""] * 20
    assert set(answered) <= gunicorn.logged_decisions()


def test_with_an_fsync_a_decision_is_answered_by_a_thread(tmp_path: Path) -> None:
    gunicorn = Gunicorn(tmp_path, workers=1, BANDIT_FSYNC="always")
    try:
        gunicorn.start()
        requests = Requests(gunicorn.secret)
        with connected(gunicorn.port) as client:
            client.send(requests.hot * 20 + GET)
            got = client.statuses(21)
    finally:
        stopped = gunicorn.stop()

    assert (got, stopped) == ([201] * 20 + [200], 0)


def test_a_caller_beyond_a_limit_of_requests_is_told_when_to_come_again(
    tmp_path: Path,
) -> None:
    # To create the experiment takes the one request in 100 s that the secret key has.
    limit = "*=0.01/s,address=1000000/s"
    gunicorn = Gunicorn(tmp_path, workers=1, BANDIT_RATE_LIMIT=limit)
    try:
        gunicorn.start()
        other = gunicorn.issue("publishable")
        refused = [
            gunicorn.ask("POST", path, {"experiment": "hero"})
            for path in ("/v1/decisions", "/v1/decisions?x=1")
        ]
        let_through = gunicorn.ask(
            "POST", "/v1/decisions", {"experiment": "hero"}, other.text
        )
    finally:
        stopped = gunicorn.stop()

    for status, problem, headers in refused:
        assert (status, problem["type"]) == (429, "/docs#too_many_requests")
        assert 0 < int(headers["Retry-After"] or "") <= 100
    assert (let_through[0], stopped) == (201, 0)


def test_a_worker_that_is_told_to_stop_while_it_starts_is_not_waited_for(
    tmp_path: Path,
) -> None:
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        gunicorn = Patient(folder, workers=2)
        try:
            # Both listen as one; the second may still load the application.
            gunicorn.wait_for(gunicorn.is_listening, "it listening")
            if number % 2:
                gunicorn.wait_for(gunicorn.ready, "one worker ready")
        finally:
            stopped = gunicorn.stop()

        assert stopped == 0
