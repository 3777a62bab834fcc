"""Two real gunicorn workers over one folder; each request connects anew."""

import http.client
import json
import os
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.eventlog.files.frames import read_footer
from bandit_svc.services.managing import issue_keys
from bandit_svc.settings import Settings
from bandit_svc.storage.rows import Scope
from bandit_svc.wiring import Backends
from tests.harness.loopback import free_port
from tests.harness.process import Process, children_of, plain_environment
from tests.harness.waiting import GENEROUS_S, wait_until

pytestmark = pytest.mark.e2e

TWO = [{"key": "a"}, {"key": "b"}]
FOOTER_BYTES = 24
COMMAND = (
    *(sys.executable, "-m", "gunicorn"),
    *("--config", "python:bandit_svc.server.gunicorn_conf"),
    "bandit_svc.server.asgi:application",
)


class Gunicorn(Process):
    """Two web workers and no learner; `ask` connects anew for each request."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.data = folder / "data"
        metrics = folder / "metrics"
        metrics.mkdir()
        self.port = free_port()
        settings = Settings(data=str(self.data), port=self.port, workers=2)
        self.backends = Backends(settings)
        self.backends.storage.migrate()
        self.backends.storage.initialise(os.urandom(SECRET_BYTES), 1)
        self.secret = self.issue("secret").text
        variables = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        environment = plain_environment(**settings.environment() | variables | more)
        super().__init__(COMMAND, folder / "output.log", environment)

    def issue(self, scope: Scope) -> issue_keys.IssuedKey:
        entropy = os.urandom(issue_keys.ENTROPY_BYTES)
        return issue_keys.issue_key(self.backends.storage.keys, scope, entropy, 1)

    def ask(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=GENEROUS_S
        )
        with closing(connection):
            sent = json.dumps(body) if not isinstance(body, bytes) else body
            headers = {"Authorization": f"Bearer {key or self.secret}"}
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            text = answer.read()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(text) if is_json else text, answer.headers

    def decide(self, **fields: object) -> tuple[int, Any, http.client.HTTPMessage]:
        return self.ask("POST", "/v1/decisions", {"experiment": "hero"} | fields)

    def ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def writers(self) -> int:
        """Return how many workers have appended to the log: each has its partition."""
        return len(self.backends.reader.partitions())

    def stop(self) -> int:
        try:
            return self.terminate()
        finally:
            self.end()
            self.backends.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(tmp_path_factory.mktemp("gunicorn"))
    try:
        gunicorn.wait_for(gunicorn.ready, "it ready")
        definition = {"key": "hero", "variants": TWO}
        assert gunicorn.ask("POST", "/v1/experiments", definition)[0] == 201
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
        gunicorn.wait_for(gunicorn.ready, "it ready")
        gunicorn.ask("POST", "/v1/experiments", {"key": "hero", "variants": TWO})
        decided = gunicorn.decide()[0]
    finally:
        stopped = gunicorn.stop()
    (segment,) = (gunicorn.data / "log").glob("w*/*.seg")
    footer = read_footer(segment.read_bytes()[-FOOTER_BYTES:])

    assert (decided, stopped) == (201, 0)
    # Written by the hook at the exit of a worker, and then flushed.
    assert footer is not None
    assert footer.records == 1
