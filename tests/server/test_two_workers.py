"""Two real gunicorn workers over one folder; each request connects anew."""

import http.client
import json
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.eventlog.files.frames import read_footer
from tests.harness.process import children_of
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.gunicorn import Gunicorn

pytestmark = pytest.mark.e2e

FOOTER_BYTES = 24


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(tmp_path_factory.mktemp("gunicorn"))
    try:
        gunicorn.start()
        # From here on, both workers have decided.
        gunicorn.wait_for(
            lambda: gunicorn.decide()[0] == 201 and gunicorn.writers() == 2,
            "both workers deciding",
        )
        yield gunicorn
    finally:
        assert gunicorn.stop() == 0


def test_a_retry_gets_the_first_answer_whichever_worker_it_meets(
    service: Gunicorn,
) -> None:
    for number in range(100):
        answers = [service.decide(request_id=f"r-{number}") for _ in range(5)]

        assert [status for status, _, _ in answers] == [201] * 5
        assert all(body == answers[0][1] for _, body, _ in answers)


def test_a_change_is_seen_by_the_very_next_request_of_any_worker(
    service: Gunicorn,
) -> None:
    for number in range(40):
        key = f"next-{number}"
        definition = {"key": key, "variants": [{"key": "a"}]}
        created, _, _ = service.ask("POST", "/v1/experiments", definition)
        seen = [service.decide(experiment=key)[0] for _ in range(3)]
        path = f"/v1/experiments/{key}"
        service.ask("PATCH", path, {"status": "paused"})
        paused = [service.decide(experiment=key)[0] for _ in range(3)]
        service.ask("PATCH", path, {"status": "running"})
        resumed = [service.decide(experiment=key)[0] for _ in range(3)]

        assert created == 201
        assert (seen, paused, resumed) == ([201] * 3, [409] * 3, [201] * 3)


def test_a_revoked_key_is_refused_by_the_very_next_request_of_any_worker(
    service: Gunicorn,
) -> None:
    body = {"experiment": "hero"}
    for _ in range(20):
        key, row = service.issue("publishable")
        before = [service.ask("POST", "/v1/decisions", body, key)[0] for _ in range(3)]
        service.backends.storage.keys.revoke(row.id, 2)
        after = [service.ask("POST", "/v1/decisions", body, key)[0] for _ in range(5)]

        assert (before, after) == ([201] * 3, [401] * 5)


def test_a_full_disk_is_503_and_it_recovers_by_itself(service: Gunicorn) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for pid in children_of(service.pid):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    refused = [service.decide() for _ in range(10)]
    for pid in children_of(service.pid):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    after = [service.decide()[0] for _ in range(10)]

    for status, problem, headers in refused:
        assert (status, problem["status"]) == (503, 503)
        assert int(headers["Retry-After"] or "") >= 1
    assert after == [201] * 10


def test_a_body_without_a_length_is_read_up_to_its_limit(service: Gunicorn) -> None:
    def send(chunks: list[bytes]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", service.port, timeout=GENEROUS_S
        )
        with closing(connection):
            connection.request(
                "POST",
                "/v1/decisions",
                iter(chunks),
                {"Authorization": f"Bearer {service.secret}"},
                encode_chunked=True,
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    assert send([b'{"experiment":', b' "hero"}'])[0] == 201
    assert send([b'{"experiment":', b' "he'])[0] == 400
    assert send([b'{"unit_id": "', *[b"x" * 8_000] * 9, b'"}'])[0] == 413


def test_a_refused_body_is_never_taken_for_the_next_request_of_its_connection(
    service: Gunicorn,
) -> None:
    good = {"Authorization": f"Bearer {service.secret}"}
    inside = b"GET /v1/experiments HTTP/1.1\r\nHost: x\r\n\r\n"
    large, body = inside * 3_000, b'{"experiment": "hero"}'
    connection = http.client.HTTPConnection(
        "127.0.0.1", service.port, timeout=GENEROUS_S
    )

    def status_of(sent: bytes, headers: dict[str, str]) -> int:
        connection.request("POST", "/v1/decisions", sent, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    statuses = []
    with closing(connection):
        for sent, headers in (
            *((body, {}), (body, good), (inside, good), (body, good)),
            *((large, good), (body, good), (large, {}), (body, good)),
        ):
            try:
                statuses.append(status_of(sent, headers))
            except ConnectionError:
                # Instead of reading a large body to its end, gunicorn hangs up.
                connection.close()
                statuses.append(status_of(sent, headers))

    assert statuses == [401, 201, 400, 201, 413, 201, 401, 201]


def test_many_callers_at_once_are_all_answered(service: Gunicorn) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: service.decide()[0], range(200)))

    assert statuses == [201] * 200


def test_metrics_are_those_of_both_workers_together(service: Gunicorn) -> None:
    variants = [{"key": "a"}, {"key": "b"}]
    service.ask("POST", "/v1/experiments", {"key": "counted", "variants": variants})

    def decided() -> float:
        _, text, _ = service.ask("GET", "/metrics")
        return sum(
            float(line.rsplit(b" ", 1)[1])
            for line in text.splitlines()
            if line.startswith(b'bandit_decisions_total{experiment="counted"')
        )

    for _ in range(30):
        service.decide(experiment="counted")

    # A worker writes what it has counted within a tick.
    wait_until(lambda: decided() == 30, "counting the decisions of both workers")


def test_no_key_is_written_to_the_output(service: Gunicorn) -> None:
    service.ask("POST", "/v1/decisions", b"{", service.secret)
    service.ask("GET", "/v1/experiments", None, "bsk_" + "q" * 32)
    output = service.said

    assert service.secret not in output
    assert "bsk_" not in output


def test_a_worker_that_is_told_to_stop_ends_its_segment_in_good_order(
    tmp_path: Path,
) -> None:
    gunicorn = Gunicorn(tmp_path, BANDIT_FSYNC_INTERVAL_MS="60000")
    try:
        gunicorn.start()
        decided = gunicorn.decide()[0]
    finally:
        stopped = gunicorn.stop()
    (segment,) = (gunicorn.data / "log").glob("w*/*.seg")
    footer = read_footer(segment.read_bytes()[-FOOTER_BYTES:])

    assert (decided, stopped) == (201, 0)
    # Written by the hook at the exit of a worker, and then flushed.
    assert footer is not None
    assert footer.records == 1
