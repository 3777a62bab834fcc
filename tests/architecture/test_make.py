"""The Makefile's targets, asked for what they would do, and the check of one room."""

import configparser
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def would_run(target: str, *variables: str) -> str:
    """Return the commands of a target on a machine without `.venv`."""
    done = make("--dry-run", "VENV=build/none", target, *variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_installs_no_test_tool() -> None:
    installs = would_run("demo")
    pins = {
        line.split("==")[0]
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if "==" in line
    }

    assert "-r requirements.lock" in installs
    assert "requirements-test.lock" not in installs
    assert not pins & {"pytest", "mypy", "ruff", "playwright", "hypothesis", "pyarrow"}


def test_both_lock_files_agree() -> None:
    serving, testing = (
        {
            line
            for line in (ROOT / name).read_text().splitlines()
            if "==" in line and not line.startswith("pip==")
        }
        for name in ("requirements.lock", "requirements-test.lock")
    )

    assert serving < testing


def test_a_fresh_machine_gets_packages_and_programs_before_tests_run() -> None:
    commands = would_run("test")

    assert (
        commands.index("-m venv")
        < commands.index("-r requirements-test.lock")
        < commands.index(".ci/programs")
        < commands.index("-m pytest -n ")
    )


def test_arguments_for_pytest_come_last_and_so_win() -> None:
    assert "-reorder -n 0 -m e2e" in would_run("test", "PYTEST_ARGS=-n 0 -m e2e")


def test_the_whole_suite_is_measured_and_a_part_is_not() -> None:
    assert "-m slipcover" in would_run("test")
    assert "coverage_floor.py" in would_run("test")
    assert "slipcover" not in would_run("test", "PYTEST_ARGS=-m e2e")
    assert "coverage_floor.py" not in would_run("test", "PYTEST_ARGS=-m e2e")


def test_the_oldest_allowed_packages_are_those_of_setup_cfg() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "lower_bounds.py"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    bounds = parser["options"]["install_requires"].split()

    assert {bound.replace(">=", "==") for bound in bounds} < set(printed)
    assert all("==" in requirement for requirement in printed)


@pytest.mark.parametrize(("covered", "status"), [(90.0, 0), (89.9, 1)])
def test_coverage_below_the_floor_fails_and_names_files(
    tmp_path: Path, covered: float, status: int
) -> None:
    script = tmp_path / ".ci" / "coverage_floor.py"
    script.parent.mkdir()
    shutil.copy(ROOT / ".ci" / "coverage_floor.py", script)
    found = {
        "summary": {"percent_covered": covered},
        "files": {"a.py": {"missing_lines": [3, 4]}, "b.py": {"missing_lines": []}},
    }
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "coverage.json").write_text(json.dumps(found))

    done = subprocess.run(
        [sys.executable, script, "90"], capture_output=True, text=True, check=False
    )

    assert done.returncode == status
    assert f"Coverage: {covered} % of lines; the floor is 90 %." in done.stdout
    assert ("2 lines of a.py were not run" in done.stdout) == bool(status)


def test_an_unknown_room_is_answered_with_those_that_exist() -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "check", "kitchen"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.startswith("There is no room 'kitchen'; ")
    assert " ope " in done.stderr
    assert " policies " in done.stderr
