"""`bandit-svc rewards`: what waits for a decision, and another look at it."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.domain.people.unit_fact import UnitReward, UnitValue, encode_unit_fact
from bandit_svc.settings import Settings
from bandit_svc.storage.rows import Arrival
from bandit_svc.wiring import Backends
from tests.harness.command import Run

START_MS = 1_750_000_000_000


@pytest.fixture
def waiting(run: Run, initialised: Path, definition_file: Path) -> Path:
    """A data folder with a reward of a unit that nobody has decided for."""
    run("experiment", "create", definition_file, "--data", initialised)
    reward = UnitReward("order-1", "p_1", START_MS, START_MS, {1: UnitValue(84.0)})
    with closing(Backends(Settings(data=str(initialised)))) as backends:
        arrival = Arrival(encode_unit_fact(reward).payload, reward)
        backends.storage.facts.ingest([arrival], {})
    return initialised


def test_quarantine_lists_what_waits(run: Run, waiting: Path) -> None:
    listed = run("rewards", "quarantine", "--data", waiting).stdout
    told = run("rewards", "quarantine", "--data", waiting, "--format", "json").stdout

    assert listed.splitlines()[1].split() == [
        *("2025-06-15", "15:06:40", "order-1", "hero", "reward", "84", "its", "unit"),
    ]
    assert json.loads(told) == {
        "rewards": [
            {
                "reward_id": "order-1",
                "experiment": "hero",
                "metric": "reward",
                "value": 84.0,
                "occurred_at": "2025-06-15T15:06:40.000Z",
                "received_at": "2025-06-15T15:06:40.000Z",
                "source": "unit",
                "decision_id": None,
            }
        ]
    }


def test_an_empty_quarantine_says_so(run: Run, initialised: Path) -> None:
    listed = run("rewards", "quarantine", "--data", initialised).stdout

    assert listed == "No reward waits for a decision.\n"


def test_redrive_without_a_learner_looks_by_itself(run: Run, waiting: Path) -> None:
    done = run("rewards", "redrive", "--data", waiting)

    assert done.exit_code == 0
    assert done.stdout == (
        "0 rewards credited; 1 reward of units still without a decision.\n"
    )
    with closing(Backends(Settings(data=str(waiting)))) as backends:
        assert not backends.storage.credits.redrive_is_asked()
