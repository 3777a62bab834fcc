"""One web worker in this process, over a real data folder, with a clock by hand.

Owns `WorkerInProcess`: real SQLite, real event log, real Vowpal Wabbit, behind
Flask's test client. A learner of the same folder ticks when it is told to.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypedDict, Unpack

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bandit_svc.domain.clock_guard import KeptClock
from bandit_svc.domain.events.codec import Fact
from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.eventlog.interface import START
from bandit_svc.http.request_context import RequestContext
from bandit_svc.learner.loop import Learner
from bandit_svc.server.app import create_app
from bandit_svc.services.managing import issue_keys
from bandit_svc.settings import Settings
from bandit_svc.storage.keys import Scope
from bandit_svc.wiring import Backends, Clocks, Worker
from tests.harness.stored.chosen import store_of

BEGAN_AT_MS = 1_800_000_000_000


class Answer(TestResponse):
    """An answer; its JSON is of any type, so that tests index it at once."""

    @property
    def json(self) -> Any:
        return self.get_json()


class Chosen(TypedDict, total=False):
    """Settings that a test chooses."""

    weather_url: str
    stream: str
    archive: str


class WorkerInProcess:
    """A web worker and its caller; `now_ms` is the time that both see."""

    def __init__(
        self,
        folder: Path,
        *,
        dev: bool,
        suffix: str = "ab12",
        now_ms: int = BEGAN_AT_MS,
        pseudonym_key: bytes | None = None,
        **chosen: Unpack[Chosen],
    ) -> None:
        settings = Settings(
            data=str(folder), store=store_of(folder), dev=dev, fsync="never", **chosen
        )
        self.folder = folder
        self.now_ms = now_ms
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(
                os.urandom(SECRET_BYTES), self.now_ms, pseudonym_key
            )
        # No enricher is late: what measures the coverage takes longer than it may.
        clocks = Clocks(spent_s=lambda: 0.0)
        self.worker = Worker(settings, self.now_ms, suffix, clocks=clocks)
        context = RequestContext(self.worker, lambda: self.now_ms, os.urandom)
        self.app = create_app(context)
        self.client = self.new_client()
        self.secret = self.issue("secret").text
        self.publishable = self.issue("publishable").text
        self._learner = Learner(self.worker, lambda: self.now_ms)

    def new_client(self) -> FlaskClient:
        """Return a caller with cookies of its own."""
        return FlaskClient(self.app, Answer)

    def issue(
        self,
        scope: Scope,
        restrictions: issue_keys.Restrictions = issue_keys.UNRESTRICTED,
    ) -> issue_keys.IssuedKey:
        """Issue a key; return its text and its row."""
        entropy = os.urandom(issue_keys.ENTROPY_BYTES)
        keys = self.worker.storage.keys
        return issue_keys.issue_key(keys, scope, entropy, self.now_ms, restrictions)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request with the secret key; bytes as they are, else as JSON."""
        raw = isinstance(body, bytes | str)
        answer = self.client.open(
            path,
            method=method,
            headers={"Authorization": f"Bearer {self.secret}"} | dict(headers or {}),
            data=body if raw else None,
            json=None if raw else body,
            query_string=query,
        )
        assert isinstance(answer, Answer)
        return answer

    def post(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self.call("POST", path, body, headers)

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        return self.call("GET", path, headers=headers, query=query)

    def patch(
        self, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self.call("PATCH", path, body, headers)

    def create(self, key: str, **fields: object) -> dict[str, Any]:
        """Create an experiment of two variants, unless told, and return its record."""
        definition = {"key": key, "variants": [{"key": "a"}, {"key": "b"}]} | fields
        answer = self.post("/v1/experiments", definition)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def decide(self, experiment: str, **fields: object) -> dict[str, Any]:
        """Make a decision and return the answer."""
        answer = self.post("/v1/decisions", {"experiment": experiment} | fields)
        assert answer.status_code == 201, answer.text
        return dict(answer.json)

    def reward(self, decision_id: str, value: float, **fields: object) -> None:
        """Report a reward."""
        body = {"decision_id": decision_id, "value": value} | fields
        answer = self.post("/v1/rewards", body)
        assert answer.status_code == 202, answer.text

    def learn(self, after_s: float = 0.0) -> None:
        """Move the clock, let the learner do all that is due, swap models in."""
        self.now_ms += round(after_s * 1000)
        while not self._learner.tick().idle:
            pass
        self._learner_lives()
        self.worker.catalog.refresh_models()

    def _learner_lives(self) -> None:
        """Keep the time, as a learner's process does."""
        self.worker.storage.clock.keep(KeptClock("test", 0, self.now_ms))

    def stored(self) -> dict[str, Any]:
        """Return all that is stored: the bytes of the log, the rows of each table."""
        log = self.folder / "log"
        found: dict[str, Any] = {
            str(path.relative_to(log)): path.read_bytes()
            for path in sorted(log.rglob("*"))
            if path.is_file()
        }
        with closing(sqlite3.connect(self.folder / "bandit.db")) as database:
            tables = database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall()
            for (table,) in tables:
                rows = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names from the file
                found[f"table {table}"] = sorted(map(repr, rows))
        return found

    def logged(self) -> list[Fact]:
        """Return every fact of the log that the learner has not stored and deleted."""
        reader, decoder = self.worker.reader, self.worker.decoder
        found: list[Fact] = []
        for partition in reader.partitions():
            batch = reader.read(partition, START, 10**9)
            found += [decoder.decode(record, batch.parts) for record in batch.records]
        return found

    def beside(self) -> "WorkerInProcess":
        """Return another worker over the same folder, at the present time."""
        return WorkerInProcess(
            self.folder, dev=False, suffix="cd34", now_ms=self.now_ms
        )

    def close(self) -> None:
        self.worker.close()


class StartWorker(Protocol):
    """Start a worker over a new folder."""

    def __call__(self, *, dev: bool = False) -> WorkerInProcess: ...
