"""A worker that is asked for more than it can do: a real gunicorn."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.web.gunicorn import Gunicorn
from tests.harness.web.raw_client import RawClient, Requests, connected

pytestmark = pytest.mark.e2e

CALLERS = 24
EACH = 500
"""Requests that each caller sends without waiting: half a second of work for all."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(tmp_path_factory.mktemp("gunicorn"), workers=1)
    try:
        gunicorn.start()
        yield gunicorn
    finally:
        assert gunicorn.stop() == 0
        assert "Traceback" not in gunicorn.said


def test_what_comes_too_late_is_refused_and_every_request_is_answered(
    service: Gunicorn,
) -> None:
    requests = Requests(service.secret)
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(service.port)) for _ in range(CALLERS)]
        for client in clients:
            client.send(requests.hot * EACH)
        answers = [client.answer() for client in clients for _ in range(EACH)]
        statuses = {answer[0].split()[1] for answer in answers}
        refused = next(answer for answer in answers if " 503 " in answer[0])
        later = [_status_of_one(client, requests) for client in clients]

    assert statuses == {"201", "503"}
    assert refused[1]["retry-after"] == "1"
    assert b"overloaded" in refused[2]
    assert 201 in later


def _status_of_one(client: RawClient, requests: Requests) -> int:
    client.send(requests.hot)
    return client.statuses(1)[0]
