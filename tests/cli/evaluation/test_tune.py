"""`bandit-svc tune`: a search, its leaderboard, and a promotion."""

import csv
import json
from pathlib import Path

import pytest

from benchmarks.world_log import write_world_log
from simulators.worlds.hero import HeroWorld
from tests.harness.command import Run

KEY = HeroWorld.key


@pytest.fixture
def better(tmp_path: Path) -> Path:
    """A log of which `linear` makes far more than the policy that is served."""
    folder = tmp_path / "data"
    policy = {"kind": "vw", "interactions": "none", "gamma_scale": 0.5}
    write_world_log(folder, HeroWorld(), 4_000, 1, policy=policy, exploration_floor=0.2)
    return folder


@pytest.fixture
def space(tmp_path: Path) -> Path:
    file = tmp_path / "space.toml"
    file.write_text("learning_rate = [0.25]\n[linear]\nridge = [1.0]\n")
    return file


def test_promote_changes_the_policy_and_says_so_in_the_history(
    run: Run, better: Path, space: Path
) -> None:
    options = ("--space", space, "--processes", 1, "--data", better)
    result = run("tune", KEY, *options, "--promote")
    shown = run("experiment", "show", KEY, "--data", better)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("linear-igw beats vw-squarecb gamma_scale")
    assert "It is the policy from revision 2 on" in result.stdout
    assert "All 5 intervals hold together" in result.stdout
    assert f"Tuning {KEY}: 4000/4000 joined decisions under 3 specs" in result.stderr
    assert json.loads(shown.stdout)["policy"]["kind"] == "linear"
    assert "tune: linear-igw beats" in shown.stderr


def test_promote_with_a_split_serves_it_to_a_share_of_the_units(
    run: Run, better: Path, space: Path
) -> None:
    options = ("--space", space, "--processes", 1, "--data", better)
    assert run("tune", KEY, *options, "--split").exit_code == 2
    result = run("tune", KEY, *options, "--promote", "--split")
    shown = json.loads(run("experiment", "show", KEY, "--data", better).stdout)

    assert result.exit_code == 0, result.output
    assert "It gets 10% of the units from revision 2 on" in result.stdout
    assert shown["policy"]["kind"] == "vw"
    assert shown["split"]["policy"]["kind"] == "linear"
    assert shown["split"]["policies"] == {"current": 0.9, "linear-igw": 0.1}
    assert shown["split"]["reason"].startswith("tune: linear-igw beats")


def test_promote_exits_1_and_changes_nothing_if_nothing_is_better_for_sure(
    run: Run, trained: Path, space: Path
) -> None:
    options = ("--space", space, "--processes", 1, "--data", trained)
    result = run("tune", "hero", *options, "--promote")
    shown = run("experiment", "show", "hero", "--data", trained)

    assert result.exit_code == 1
    assert "Error: nothing was changed. The log can't say" in result.stderr
    assert shown.stderr == ""
    assert run("tune", "hero", *options).exit_code == 0


def test_json_and_csv_have_a_row_for_each_spec(
    run: Run, trained: Path, space: Path, tmp_path: Path
) -> None:
    options = ("--space", space, "--processes", 1, "--data", trained)
    found = json.loads(run("tune", "hero", *options, "--format", "json").stdout)
    out = tmp_path / "board.csv"
    run("tune", "hero", *options, "--format", "csv", "--out", out)
    header, *rows = csv.reader(out.read_text().splitlines())

    # The served one is linear: one of the specs is the incumbent itself.
    assert (found["specs"], found["promoted"]) == (2, False)
    assert len(found["leaderboard"]) == len(rows) == 2
    assert header[:3] == ["rank", "policy", "incumbent"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("learning_rate = 1", "as a list"), ("[what]", "not a kind"), ("x = [", "parsed")],
)
def test_a_space_that_makes_no_sense_is_wrong_usage(
    run: Run, trained: Path, tmp_path: Path, text: str, sentence: str
) -> None:
    file = tmp_path / "space.toml"
    file.write_text(text)
    result = run("tune", "hero", "--space", file, "--data", trained)

    assert result.exit_code == 2
    assert sentence in result.stderr
