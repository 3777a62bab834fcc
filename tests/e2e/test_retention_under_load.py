"""Days leave the store while decisions are made, and every byte stays what it was."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from bandit_svc.clock import now_ms
from bandit_svc.domain.limits import DAY_MS
from tests.harness.process import COMMAND, plain_environment
from tests.harness.served import Served
from tests.harness.service import Service
from tests.harness.service_fixtures import new_service
from tests.harness.stored.archived import days

__all__ = ["new_service"]

pytestmark = pytest.mark.e2e

OLD = 800
"""Decisions of two days that leave."""
KEPT = 2_000
"""The newest of an experiment stay."""


class Load:
    """Clients that decide and reward, as fast as they are answered."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._over = threading.Event()
        self._made: list[str] = []
        self._clients = [threading.Thread(target=self._visit) for _ in range(2)]

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join()

    @property
    def made(self) -> int:
        """Return how many decisions were answered."""
        return len(self._made)

    def _visit(self) -> None:
        while not self._over.is_set():
            asked = {"experiment": "hero", "context": {"device": "mobile"}}
            made = self._served.post("/v1/decisions", asked)
            self._made.append(made["decision_id"])
            reward = {"decision_id": made["decision_id"], "value": 1.0}
            assert self._served.post("/v1/rewards", reward) is not None


@pytest.fixture
def lived(new_service: Callable[[str], Service]) -> Service:
    """A service with three days that are over, of ten days ago."""
    service = new_service("data")
    service.now_ms = now_ms() - 10 * DAY_MS
    service.start()
    service.create(policy={"kind": "linear"}, holdout=0.2)
    days(service, 2, rounds=OLD // 2)
    days(service, 1, rounds=KEPT)
    return service


@pytest.fixture
def served(lived: Service, tmp_path: Path) -> Iterator[Served]:
    """The same service in processes of its own; old days leave its store."""
    url = f"file://{tmp_path}/archive"
    service = Served(Path(lived.settings.data), archive=url, keep_days="1")
    yield service
    if service.process.poll() is None:
        service.kill()


def test_models_are_the_same_bytes_over_the_border(
    lived: Service, served: Served, tmp_path: Path
) -> None:
    """The days are dropped while two clients decide, and what they do is joined."""
    storage = lived.storage
    export = ("export", "hero", "--format", "dsjson", "--group", "all")
    before = command(lived, tmp_path, *export)
    served.wait_until_ready()
    with Load(served) as load:
        served.wait_for(lambda: storage.archived.dropped(1) == OLD, "two days dropped")
        during = load.made
        served.wait_for(lambda: load.made >= during + 50, "decisions made after it")
    joined = OLD + KEPT + load.made
    served.wait_for(lambda: storage.joins.last_position(1) == joined, "all joined")
    served.wait_for(
        lambda: (meta := storage.model_versions.newest(1)) and meta.cursor == joined,
        "all learned",
    )
    served.stop()
    first = [row.joined.position for row in storage.archived.rows(1, 0, 1)]
    replayed = command(lived, tmp_path, "replay", "hero", "--verify")
    sound = command(lived, tmp_path, "doctor")
    after = command(lived, tmp_path, *export)

    assert during > 0
    assert first == [OLD + 1]
    assert replayed.returncode == 0, replayed.stdout
    assert sound.stdout.endswith("no faults found\n"), sound.stdout
    assert before.stdout.count("\n") == OLD + KEPT
    assert after.stdout.startswith(before.stdout)
    assert after.stdout.count("\n") == joined


def command(
    service: Service, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, with the archive."""
    return subprocess.run(
        [COMMAND, *arguments, "--data", service.settings.data],
        env=plain_environment(BANDIT_ARCHIVE=f"file://{folder}/archive"),
        capture_output=True,
        text=True,
        check=False,
    )
