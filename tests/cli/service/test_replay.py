"""`bandit-svc replay`: the model is what the log gives, or the exit code says no."""

from pathlib import Path

import pytest

from tests.harness.command import Run
from tests.harness.raw_store import change_store


def test_verify_exits_0_and_prints_both_digests_alike(run: Run, trained: Path) -> None:
    result = run("replay", "hero", "--verify", "--data", trained)
    published, replayed = (
        line.split()[-1] for line in result.stdout.splitlines() if "sha256" in line
    )

    assert result.exit_code == 0
    assert published == replayed
    assert len(published) == 64


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE joined SET reward = 1 - reward WHERE learnable AND position < 9",
        "UPDATE joined SET learnable = 0 WHERE learnable AND position < 9",
    ],
)
def test_verify_exits_1_after_the_log_was_tampered_with(
    run: Run, trained: Path, sql: str
) -> None:
    change_store(trained, sql)
    result = run("replay", "hero", "--verify", "--data", trained)

    assert result.exit_code == 1
    assert "not the one that the log gives" in result.stderr


def test_without_verify_a_difference_is_a_note(run: Run, trained: Path) -> None:
    change_store(trained, "UPDATE joined SET reward = 1 - reward WHERE learnable")
    result = run("replay", "hero", "--data", trained)

    assert result.exit_code == 0
    assert "not the one that the log gives" in result.stdout


def test_an_experiment_without_a_model_exits_1(
    run: Run, initialised: Path, definition_file: Path
) -> None:
    run("experiment", "create", definition_file, "--data", initialised)
    result = run("replay", "hero", "--data", initialised)

    assert result.exit_code == 1
    assert "no published model" in result.stderr
