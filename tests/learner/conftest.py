"""Data folders, and real learner processes over them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from tests.harness.learner_process import LearnerProcess, StartLearner
from tests.harness.process import plain_environment

HERO = {
    "key": "hero",
    "variants": [{"key": "a"}, {"key": "b"}],
    "policy": {"kind": "linear"},
    "holdout": 0.0,
    "reward": {"window_seconds": 0.05},
}


@pytest.fixture(autouse=True)
def no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
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
            decide(worker.serving, request, now_ms, os.urandom(9))

    return make


@pytest.fixture
def learned(settings: Settings) -> Callable[[], int]:
    """Return how many decisions the newest model of `hero` has learned from."""

    def look() -> int:
        with closing(Backends(settings)) as backends:
            published = backends.storage.model_versions.latest(1)
            return 0 if published is None else published.meta.learned

    return look


@pytest.fixture
def start(settings: Settings) -> Iterator[StartLearner]:
    """Return a function that starts a learner; all are killed after the test."""
    started: list[LearnerProcess] = []

    def begin(**variables: str) -> LearnerProcess:
        environment = plain_environment(**settings.environment() | variables)
        started.append(LearnerProcess(environment))
        return started[-1]

    yield begin
    for learner in started:
        learner.end()
