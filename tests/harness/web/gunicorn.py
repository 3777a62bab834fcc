"""Web workers under a real gunicorn, over a new folder, without a learner.

Owns `Gunicorn`, which asks over a new connection for each request.
"""

import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.eventlog.interface import START
from bandit_svc.services.managing import issue_keys
from bandit_svc.settings import Settings
from bandit_svc.storage.keys import Scope
from bandit_svc.wiring import Backends
from tests.harness.loopback import free_port
from tests.harness.process import Process, plain_environment
from tests.harness.waiting import GENEROUS_S

APPLICATION = "bandit_svc.server.asgi:application"
TWO = [{"key": "a"}, {"key": "b"}]


class Gunicorn(Process):
    """Web workers and no learner; `ask` connects anew for each request."""

    COMMAND: Sequence[str] = (
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "python:bandit_svc.server.gunicorn_conf"),
        APPLICATION,
    )

    def __init__(self, folder: Path, workers: int = 2, **more: str) -> None:
        self.data = folder / "data"
        metrics = folder / "metrics"
        metrics.mkdir()
        self.port = free_port()
        settings = Settings(data=str(self.data), port=self.port, workers=workers)
        self.backends = Backends(settings)
        self.backends.storage.migrate()
        self.backends.storage.initialise(os.urandom(SECRET_BYTES), 1)
        self.secret = self.issue("secret").text
        variables = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        environment = plain_environment(**settings.environment() | variables | more)
        command = [word.format(port=self.port) for word in self.COMMAND]
        super().__init__(command, folder / "output.log", environment)

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

    def is_listening(self) -> bool:
        """Return whether the port takes connections."""
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        return False

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

    def start(self) -> None:
        """Wait until it answers, and create an experiment."""
        self.wait_for(self.ready, "it ready")
        made = self.ask("POST", "/v1/experiments", {"key": "hero", "variants": TWO})
        assert made[0] == 201

    def metric(self, sample: str) -> float:
        """Return the value of a sample of /metrics, such as `name{label="x"}`, or 0."""
        text = self.ask("GET", "/metrics")[1].decode()
        lines = [line for line in text.splitlines() if line.startswith(sample + " ")]
        return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0

    def logged_decisions(self) -> set[str]:
        """Return the ids of all decisions in the log."""
        settings = Settings(data=str(self.data))
        with closing(Backends(settings)) as backends:
            reader, found = backends.reader, set()
            for partition in reader.partitions():
                batch = reader.read(partition, START, 10**9)
                decode = backends.decoder.decode
                facts = [decode(record, batch.parts) for record in batch.records]
                found |= {fact.id for fact in facts if isinstance(fact, Decision)}
        return found


class Patient(Gunicorn):
    """Waits for its workers for ever: one that does not end is seen as a hang."""

    COMMAND = (*Gunicorn.COMMAND, "--graceful-timeout", "100000")


class Uvicorn(Gunicorn):
    """The same application under uvicorn."""

    COMMAND = (
        *(sys.executable, "-m", "uvicorn", "--port", "{port}"),
        *("--log-level", "warning", APPLICATION),
    )


class Granian(Gunicorn):
    """The same application under granian."""

    COMMAND = (
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--port", "{port}"),
        *("--log-level", "warning", APPLICATION),
    )
