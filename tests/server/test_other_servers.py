"""The application under ASGI servers other than gunicorn with our worker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bandit_svc.eventlog.files.frames import read_footer
from tests.harness.web.gunicorn import Granian, Gunicorn, Uvicorn
from tests.harness.web.raw_client import GET, Requests, connected

pytestmark = pytest.mark.e2e

FOOTER_BYTES = 24


@pytest.fixture(params=[Uvicorn, Granian])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gunicorn]:
    server: Gunicorn = request.param(tmp_path, workers=1)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        assert "Traceback" not in server.said


def test_another_server_gives_the_same_answers_and_ends_the_log_in_good_order(
    server: Gunicorn,
) -> None:
    requests = Requests(server.secret)
    sent = [requests.hot, requests.to_flask, requests.on_disk, requests.batch, GET]
    with connected(server.port) as client:
        answers = []
        for one in sent:
            client.send(one)
            answers.append(client.answer())
    too_large = server.ask("POST", "/v1/decisions", b" " * 70_000)
    server.stop()
    (segment,) = (server.data / "log").glob("w*/*.seg")
    footer = read_footer(segment.read_bytes()[-FOOTER_BYTES:])
    statuses = [int(status.split()[1]) for status, _, _ in answers]
    fields = [set(json.loads(body)) for _, _, body in answers[:3]]

    assert (statuses, too_large[0]) == ([201, 201, 201, 200, 200], 413)
    assert fields[0] == fields[1] == fields[2]
    assert footer is not None
    assert footer.records == 303


def test_another_server_does_not_decide_half_a_body(server: Gunicorn) -> None:
    requests = Requests(server.secret)
    cut = b"Content-Length: %d" % (len(requests.body) + 50)
    with connected(server.port) as client:
        client.send(requests.head(cut) + requests.body)
    server.wait_for(lambda: server.decide()[0] == 201, "an answer")

    assert len(server.logged_decisions()) == 1
