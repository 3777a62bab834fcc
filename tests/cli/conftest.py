"""Commands run in this process, data folders with a trained model, real services."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.learner.loop import Learner
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.record_reward import RewardReport, record_reward
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from tests.harness.command import Command, Run, StartCommand, run_command
from tests.harness.waiting import GENEROUS_S

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
def no_settings_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's own shell may have set."""
    for name in os.environ:
        if name.startswith("BANDIT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def run() -> Run:
    """Return a function that runs a command in this process."""
    return run_command


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a data folder may be made; nothing is there yet."""
    return tmp_path / "data"


@pytest.fixture
def holdout() -> float:
    """The holdout of the experiment; a test may ask for another one."""
    return 0.2


@pytest.fixture
def definition_file(tmp_path: Path, holdout: float) -> Path:
    """A small experiment in TOML."""
    file = tmp_path / "hero.toml"
    file.write_text(DEFINITION.replace("0.2", str(holdout)))
    return file


@pytest.fixture
def initialised(data: Path, run: Run) -> Path:
    """A data folder with a store and nothing in it."""
    assert run("init", "--data", data).exit_code == 0
    return data


@pytest.fixture
def trained(initialised: Path, definition_file: Path, run: Run) -> Path:
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
            made = decide(worker.serving, request, START_MS + number, entropy).decision
            if made.variants[made.chosen] == "sandals":
                reward = RewardReport(decision_id=made.id, value=1.0)
                now_ms = START_MS + number + 1
                record_reward(worker.serving, reward, now_ms)
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: START_MS + 2 * WINDOW_MS).drain(GENEROUS_S)
    return initialised


@pytest.fixture
def start(data: Path) -> Iterator[StartCommand]:
    """Return a function that starts a command over `data`; all end with the test."""
    commands: list[Command] = []

    def begin(*arguments: str) -> Command:
        commands.append(Command(data, len(commands), *arguments))
        return commands[-1]

    yield begin
    for command in commands:
        command.end()
