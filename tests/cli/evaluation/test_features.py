"""`bandit-svc features`: a ranked list of context keys."""

import csv
import json
from pathlib import Path

import pytest

from benchmarks.world_log import write_world_log
from simulators.worlds.hero import HeroWorld
from tests.harness.command import Run

KEY = HeroWorld.key


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    policy = {"kind": "linear"}
    write_world_log(folder, HeroWorld(), 300, 1, policy=policy, exploration_floor=0.8)
    return folder


def test_text_ranks_the_keys_and_says_how_to_read_them(run: Run, logged: Path) -> None:
    result = run("features", KEY, "--processes", 1, "--data", logged)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Keys whose value to linear-igw is")
    assert "user.segment" in result.stdout
    assert "\N{FULL BLOCK}" in result.stdout
    assert "All intervals hold together" in result.stdout
    assert f"Weighing the context of {KEY}: 300/300 joined decisions" in result.stderr


def test_json_and_csv_have_a_row_for_each_key(run: Run, logged: Path) -> None:
    options = ("--processes", 1, "--policy", '{"kind": "linear"}', "--data", logged)
    found = json.loads(run("features", KEY, *options, "--format", "json").stdout)
    result = run("features", KEY, *options, "--format", "csv")
    header, *rows = csv.reader(result.stdout.splitlines())

    assert {row["key"] for row in found["keys"]} == {row[0] for row in rows}
    assert len(rows) == 5
    assert header == ["key", "share", "value", "lower", "upper", "refused"]


def test_a_policy_without_a_context_is_wrong_usage(run: Run, logged: Path) -> None:
    result = run("features", KEY, "--policy", "uniform", "--data", logged)

    assert result.exit_code == 2
    assert "ignores the context" in result.stderr
