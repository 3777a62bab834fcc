"""No header makes an error of ours: odd names and values, long ones, repeated ones.

Each request goes over a connection of its own to a real gunicorn. The answer is never a
500, it is ours or the parser's, and the service works on.
"""

import random
import socket
from collections.abc import Iterator

import pytest

from tests.harness.waiting import GENEROUS_S
from tests.harness.web.gunicorn import Gunicorn

pytestmark = pytest.mark.e2e

NAMES = (
    *(b"SCRIPT_NAME", b"Script-Name", b"PATH_INFO", b"REMOTE_USER", b"X-Script-Name"),
    *(b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"Forwarded"),
    *(b"X-Forwarded-Prefix", b"X-Forwarded-Port", b"Host", b"Origin", b"Cookie"),
    *(b"Authorization", b"Content-Type", b"Content-Length", b"Content-Encoding"),
    *(b"Transfer-Encoding", b"Accept", b"Accept-Encoding", b"Accept-Language"),
    *(b"If-None-Match", b"If-Modified-Since", b"If-Match", b"Range", b"Referer"),
    *(b"Expect", b"Upgrade", b"Connection", b"Keep-Alive", b"Trailer", b"X-Request-Id"),
    *(b"traceparent", b"HX-Request", b"Sec-Fetch-Site", b"X-HTTP-Method-Override"),
    *(b"User-Agent", b"Date", b"X-\xe9", b"a_b", b"a b", b"", b":authority"),
)
VALUES = (
    *(b"", b" ", b"/evil", b"/v1", b"a\x00b", b"\xe9\xff", b"\xf0\x9f\x92\xa9"),
    *(b"x" * 8_000, b"x" * 70_000, b"a\tb", b"\x7f", b"\x1b[31m", b'"', b"%00%ff"),
    *(b"Bearer \xe9", b"Bearer \x00", b"Basic %%%", b"bandit_session=\xe9.1.2.3"),
    *(b"bandit_session=a.b.c.d", b"bandit_session=" + b"." * 199, b"-1", b"1e9"),
    *(b"99999999999999999999999", b"bytes=-1", b"q=nan", b"text/html;q=\xff"),
    *(b"application/json; charset=klingon", b"http://[::1", b"a,b,c", b"*/*;q=1e999"),
    *(b"\xff\xfe:99999", b"localhost:notaport", b"[::1", b"a" * 300 + b".example"),
    *(b"Mon, 31 Feb 9999 99:99:99 GMT", b"00-zz-zz-zz", b"=?utf-8?q?x?=", b"\\"),
)
REQUESTS = (
    *(b"GET /healthz", b"GET /", b"GET /ops", b"GET /metrics", b"GET /docs"),
    *(b"GET /sign-in", b"GET /nope", b"POST /sign-in", b"GET /v1/experiments"),
    *(b"POST /v1/decisions", b"POST /v1/rewards/batch", b"OPTIONS /v1/decisions"),
    *(b"GET /static/style.css", b"GET /experiments/hero?next=%ff"),
)
COLONS = (b": ", b":", b" : ")
DRAWN = 400


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    started = Gunicorn(tmp_path_factory.mktemp("odd"), workers=1)
    started.start()
    yield started
    started.stop()


def answer_to(service: Gunicorn, request: bytes, headers: list[bytes]) -> bytes:
    """Send one request; return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", service.port), GENEROUS_S) as client:
        lines = [request + b" HTTP/1.1", b"Connection: close", *headers]
        if request.startswith(b"POST"):
            lines.append(b"Content-Length: 2")
        body = b"{}" if request.startswith(b"POST") else b""
        try:
            client.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            found = b""
            while more := client.recv(65_536):
                found += more
        except OSError:
            # It closes before it has read what it refuses.
            return b""
    return found


def checked(service: Gunicorn, request: bytes, headers: list[bytes]) -> int:
    answer = answer_to(service, request, headers)
    status = int(answer.split(b" ", 2)[1]) if answer else 0

    assert status < 500, (request, headers, answer[:300])
    return status


def with_defaults(
    draw: random.Random, service: Gunicorn, odd: list[bytes]
) -> list[bytes]:
    """Add a host and a key, in most requests."""
    added = []
    if draw.random() < 0.9:
        added.append(b"Host: localhost")
    if draw.random() < 0.7:
        added.append(b"Authorization: Bearer " + service.secret.encode())
    headers = [*added, *odd]
    draw.shuffle(headers)
    return headers


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_header_with_every_odd_value_is_no_error_of_ours(
    service: Gunicorn, name: bytes
) -> None:
    draw = random.Random(repr(name))  # noqa: S311 - a seeded test
    statuses = []
    for value in VALUES:
        odd = [name + b": " + value]
        headers = with_defaults(draw, service, odd)
        statuses.append(checked(service, draw.choice(REQUESTS), headers))
    assert any(statuses)
    assert service.ask("GET", "/healthz")[0] == 200


def test_headers_that_are_repeated_and_mixed_are_no_error_of_ours(
    service: Gunicorn,
) -> None:
    draw = random.Random(13)  # noqa: S311 - a seeded test
    for _ in range(DRAWN):
        odd = [
            draw.choice(NAMES)
            + draw.choice([b": ", b":", b" : "])
            + draw.choice(VALUES)
            for _ in range(draw.randint(1, 6))
        ]
        odd += draw.choices(odd, k=draw.randint(0, 3))
        checked(service, draw.choice(REQUESTS), with_defaults(draw, service, odd))
    assert service.ask("GET", "/healthz")[0] == 200
    assert "Traceback" not in service.said
    assert "unexpected" not in service.said


def test_a_prefix_that_nobody_declared_changes_nothing(service: Gunicorn) -> None:
    key = b"Authorization: Bearer " + service.secret.encode()
    for name in (b"SCRIPT_NAME", b"Script-Name", b"X-Forwarded-Prefix"):
        for value in (b"/evil", b"/v1", b"/"):
            headers = [b"Host: localhost", key, name + b": " + value]
            read = checked(service, b"GET /v1/experiments", headers)
            answer = answer_to(service, b"GET /", headers)

            assert read == 200
            assert b"/evil" not in answer
