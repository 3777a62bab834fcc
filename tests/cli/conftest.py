"""Commands run in this process, data folders with a trained model, real services."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bandit_svc.cli.main import main
from bandit_svc.learner.loop import Learner
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker

COMMAND = str(Path(sys.executable).with_name("bandit-svc"))
TIMEOUT_S = 60.0
START_MS = 1_750_000_000_000
WINDOW_MS = 10_000

DEFINITION = """
key = "hero"
holdout = 0.2
variants = [{key = "dress", payload = {image = "a.png"}}, {key = "sandals"}]
[policy]
kind = "linear"
[reward]
window_seconds = 10
"""


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's own shell may have set."""
    for name in os.environ:
        if name.startswith("BANDIT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run a command in this process: `run("keys", "list", "--data", folder)`."""

    def invoke(
        *arguments: object, stdin: str | None = None, **environment: str
    ) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(main, words, input=stdin, env=environment)

    return invoke


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a data folder may be made; nothing is there yet."""
    return tmp_path / "data"


@pytest.fixture
def definition_file(tmp_path: Path) -> Path:
    """A small experiment in TOML."""
    file = tmp_path / "hero.toml"
    file.write_text(DEFINITION)
    return file


@pytest.fixture
def initialised(data: Path, run: Callable[..., Result]) -> Path:
    """A data folder with a store and nothing in it."""
    assert run("init", "--data", data).exit_code == 0
    return data


@pytest.fixture
def trained(
    initialised: Path, definition_file: Path, run: Callable[..., Result]
) -> Path:
    """A data folder in which `hero` has learned from 40 units, sandals rewarded."""
    created = run("experiment", "create", definition_file, "--data", initialised)
    assert created.exit_code == 0, created.output
    settings = Settings(data=str(initialised), publish_every_ms=0)
    with closing(Worker(settings, START_MS, "ab12")) as worker:
        for number in range(40):
            request = DecisionRequest(
                experiment="hero",
                unit_id=f"u{number}",
                context={"device": ("mobile", "desktop")[number % 2]},
            )
            entropy = number.to_bytes(9, "big")
            made = decide(worker.decider, request, START_MS + number, entropy).decision
            if made.variants[made.chosen] == "sandals":
                reward = RewardReport(decision_id=made.id, value=1.0)
                now_ms = START_MS + number + 1
                record_reward(worker.catalog, worker.log, worker.ids, reward, now_ms)
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: START_MS + 2 * WINDOW_MS).drain(TIMEOUT_S)
    return initialised


class Service:
    """One `bandit-svc` process of a test, and all that it starts."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.output = data.parent / f"{time.monotonic_ns()}.log"
        # The variable marks every process below it, however it ends.
        environment = {**os.environ, "BANDIT_DATA": str(data)}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [COMMAND, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    @property
    def said(self) -> str:
        """What it and its children have printed so far."""
        return self.output.read_text()

    @property
    def url(self) -> str:
        """The address that it has printed."""
        return self.said.split("on http://")[1].split()[0]

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Poll until a condition holds."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline, f"not {what}; it said: {self.said}"
            time.sleep(0.02)

    def wait_for_words(self, words: str, count: int = 1) -> None:
        self.wait_for(lambda: self.said.count(words) >= count, f"said {words!r}")

    def wait_until_up(self) -> None:
        self.wait_for_words("Listening on")
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        self.wait_for(lambda: self.get("/healthz") is not None, "healthy")

    def get(self, path: str) -> str | None:
        """GET a path; None while nothing answers."""
        url = f"http://{self.url}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except OSError:
            return None

    def wait_for_end(self) -> int:
        """Wait until it has ended; give its exit code."""
        return self.process.wait(TIMEOUT_S)

    def children(self, word: str) -> list[int]:
        """Pids of its direct children whose command holds a word."""
        return [
            pid
            for pid, parent, command in processes(self.data)
            if parent == self.process.pid and word in command
        ]

    def end(self) -> None:
        """Leave nothing behind, whatever state the test has left it in."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid, _, _ in processes(self.data):
            os.kill(pid, signal.SIGKILL)


def processes(data: Path) -> list[tuple[int, int, str]]:
    """Every process of a data folder, as (pid, parent, command); no zombies."""
    marker = f"BANDIT_DATA={data}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if not (folder.name.isdigit() and marker in _words(folder / "environ")):
                continue
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            command = b" ".join(_words(folder / "cmdline")).decode()
        except OSError:
            continue
        found.append((int(folder.name), int(parent), command))
    return found


def _words(file: Path) -> list[bytes]:
    return file.read_bytes().split(b"\0")


@pytest.fixture
def processes_of() -> Callable[[Path], list[tuple[int, int, str]]]:
    """Give the living processes of a data folder."""
    return processes


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Service]]:
    """Start `bandit-svc` with these arguments over `data`; end it after the test."""
    services: list[Service] = []

    def begin(*arguments: str) -> Service:
        services.append(Service(data, *arguments))
        return services[-1]

    yield begin
    for service in services:
        service.end()
