"""Data folders, and real learner processes over them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker

TIMEOUT_S = 60.0
HERO = {
    "key": "hero",
    "variants": [{"key": "a"}, {"key": "b"}],
    "policy": {"kind": "linear"},
    "holdout": 0.0,
    "reward": {"window_seconds": 0.05},
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's own shell may have set."""
    for name in os.environ:
        if name.startswith("BANDIT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over a folder that does not exist yet."""
    return Settings(data=str(tmp_path / "data"), learner_tick_ms=20, publish_every_ms=0)


@pytest.fixture
def initialise(settings: Settings) -> Callable[[], None]:
    """Make the store, with an experiment `hero` whose window is 50 ms."""

    def make() -> None:
        with closing(Backends(settings)) as backends:
            backends.storage.migrate()
            backends.storage.initialise(b"s" * 32, 1)
            definition = lifecycle.convert_definition(HERO)
            lifecycle.create(backends.storage, definition, "salt", 1)

    return make


@pytest.fixture
def decide_once(settings: Settings) -> Callable[[], None]:
    """Log one decision of `hero`, now, by a worker that is gone afterwards."""

    def make() -> None:
        now_ms = time.time_ns() // 1_000_000
        with closing(Worker(settings, now_ms, os.urandom(4).hex())) as worker:
            request = DecisionRequest(experiment="hero", context={"hour": 21})
            decide(worker.decider, request, now_ms, os.urandom(9))

    return make


@pytest.fixture
def learned(settings: Settings) -> Callable[[], int]:
    """Say how many decisions the newest model of `hero` has learned from."""

    def look() -> int:
        with closing(Backends(settings)) as backends:
            snapshot = backends.storage.snapshots.latest(1)
            return 0 if snapshot is None else snapshot.meta.learned

    return look


class LearnerProcess:
    """A `python -m bandit_svc.learner`, and what it has logged.

    Its log goes through a pipe, which works when the disk is full.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bandit_svc.learner"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    @property
    def said(self) -> str:
        """Everything so far."""
        assert self.process.stdout is not None
        while more := self.process.stdout.read():
            self._said += more
        return self._said.decode()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()

    def wait_for_words(self, words: str) -> None:
        self.wait_for(lambda: words in self.said, f"said {words!r}")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"not {what}; it said: {self.said}"
            time.sleep(0.02)


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[..., LearnerProcess]]:
    """Start a learner over the folder; kill it after the test."""
    started: list[LearnerProcess] = []

    def begin(**more: str) -> LearnerProcess:
        started.append(LearnerProcess({**settings.environment(), **more}))
        return started[-1]

    yield begin
    for learner in started:
        learner.end()
