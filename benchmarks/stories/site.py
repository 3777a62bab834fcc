"""A whole service in this process, whose clock the story moves.

Owns `Site`: real store, real event log, real learner and policies, behind the functions
that answer requests. Nothing waits: days pass as fast as they can be played.
"""

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.http.request_context import RequestContext
from bandit_svc.learner.loop import Learner
from bandit_svc.server.app import create_app
from bandit_svc.server.hot_routes import HOT, HotRoutes, plain_headers
from bandit_svc.services.learning.replay import replay
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker

EXAMPLES = Path(__file__).parents[2] / "examples"
_HEADERS = plain_headers([(b"host", b"127.0.0.1:8000")])
_OK = 2
_MOST = 1_000
"""Of a batch."""

Json = dict[str, Any]


class Site:
    """A service over a folder; `now_ms` is its time."""

    def __init__(self, folder: str, now_ms: int) -> None:
        self.now_ms = now_ms
        settings = Settings(data=folder, dev=True, fsync="never")
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(os.urandom(SECRET_BYTES), now_ms)
        self._worker = Worker(settings, now_ms, "ab12")
        context = RequestContext(self._worker, lambda: self.now_ms, os.urandom)
        self._hot = HotRoutes(context)
        self._client = create_app(context).test_client()
        self._learner = Learner(self._worker, lambda: self.now_ms)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Send to a hot route, a millisecond after the last one."""
        assert _HEADERS is not None  # noqa: S101 - they are plain
        self.now_ms += 1
        raw = json.dumps(body).encode()
        reply = self._hot.answer(HOT[path.encode()], _HEADERS, raw)
        if reply.status // 100 != _OK:
            raise RuntimeError(f"{path} answered {reply.status}: {reply.body!r}")
        return dict(json.loads(reply.body))

    def decide(self, experiment: str, unit_id: str, **fields: object) -> Json:
        """Ask for a decision."""
        body = {"experiment": experiment, "unit_id": unit_id} | fields
        return self.post("/v1/decisions", body)

    def call(self, method: str, path: str, body: object = None) -> Json:
        """Send to any route."""
        self.now_ms += 1
        answer = self._client.open(path, method=method, json=body)
        if answer.status_code // 100 != _OK:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text}")
        return dict(answer.get_json() or {})

    def many(self, path: str, name: str, items: Sequence[object]) -> None:
        """Send items to a batch route."""
        for first in range(0, len(items), _MOST):
            self.call("POST", path, {name: list(items[first : first + _MOST])})

    def create(self, *files: str) -> None:
        """Create experiments from files of the examples."""
        for file in files:
            self._send_file("/v1/experiments", file)

    def start_programme(self, file: str) -> None:
        """Create a programme from a file of the examples."""
        self._send_file("/v1/programmes", file)

    def _send_file(self, path: str, file: str) -> None:
        definition = tomllib.loads((EXAMPLES / file).read_text())
        self.call("POST", path, definition)

    def learn(self) -> None:
        """Read what was appended, learn what has matured, serve the newest models."""
        while not self._learner.tick().idle:
            pass
        self._worker.catalog.refresh_models()

    def report(self, experiment: str) -> Json:
        """Return an experiment's report."""
        return self.call("GET", f"/v1/experiments/{experiment}/report")

    def verified(self, experiments: Sequence[str]) -> str:
        """Compare all models, and the states of units, with those of the log.

        Raises:
            RuntimeError: some differ.
        """
        if differing := self.differing(experiments):
            raise RuntimeError(f"these differ from what the log gives: {differing}")
        return "Every model, and the states of units, are what the log gives."

    def differing(self, experiments: Sequence[str]) -> list[str]:
        """Return which models, or states of units, are not what the log gives."""
        storage = self._worker.storage
        found = [
            key
            for key in experiments
            if not replay(storage, storage.experiments.get(key)).matches
        ]
        units = rebuild(storage.unit_facts, storage.units, keep=False)
        return found if units.matches else [*found, "units"]

    def close(self) -> None:
        """End the service."""
        self._worker.close()


def written(found: Json) -> str:
    """Return an estimate of a report with its interval, or why there is none."""
    low, high = found["interval"]
    if low is None:
        return f"is not known: {found['reason']}"
    return f"{found['estimate']:+.2f} [{low:+.2f}, {high:+.2f}]"
