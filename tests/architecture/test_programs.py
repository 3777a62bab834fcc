"""What `make test` does on a machine without Prometheus, Chromium, Node and PostgreSQL.

The script meets a PATH on which every program is a stub that notes how it was called.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "programs"
FOUND = ("prometheus", "promtool", "chromium", "node", "npm", "initdb")

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Return the file in which stubs note their calls."""
    return tmp_path / "calls"


@pytest.fixture
def run_programs(tmp_path: Path, calls: Path) -> Run:
    """Return a function that runs the script with stubs and nothing else on PATH."""

    def run(*stubs: str, uid: int = 0, failing: str = "", named: str = "") -> Done:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("env", "bash", "true"):
            (folder / name).symlink_to(str(shutil.which(name)))
        for name in stubs:
            passes_on = '[ "$1" = -n ] && shift; exec "$@"' if name == "sudo" else ""
            write_program(
                folder / name,
                f'echo "{name} $*" >> {calls}\n{passes_on}\n'
                f"exit {int(name == failing)}",
            )
        write_program(folder / "id", f"echo {uid}")
        return subprocess.run(
            [str(folder / "bash"), str(SCRIPT), *named.split()],
            env={"PATH": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def write_program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(0o755)


def test_a_ready_machine_is_left_alone(run_programs: Run, calls: Path) -> None:
    done = run_programs(*FOUND, "apt-get", "sudo")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not calls.exists()


def test_root_installs_what_is_missing_and_nothing_else(
    run_programs: Run, calls: Path
) -> None:
    done = run_programs(*set(FOUND) - {"chromium"}, "apt-get", "service")

    assert done.returncode == 0
    assert calls.read_text().splitlines() == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
    ]


def test_of_what_is_missing_only_what_was_named_is_installed(
    run_programs: Run, calls: Path
) -> None:
    done = run_programs("apt-get", named="chromium")

    assert done.returncode == 0
    assert calls.read_text().splitlines() == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
    ]


def test_a_prometheus_that_debian_started_is_stopped(
    run_programs: Run, calls: Path
) -> None:
    done = run_programs("chromium", "initdb", "apt-get", "service")

    assert done.returncode == 0
    assert calls.read_text().splitlines()[-1] == "service prometheus stop"


def test_a_library_that_the_browsers_driver_needs_is_installed_too(
    run_programs: Run, calls: Path
) -> None:
    done = run_programs(*FOUND, "apt-get", "ldconfig")

    assert done.returncode == 0
    assert calls.read_text().splitlines()[-1] == (
        "apt-get install -y -qq --no-install-recommends libatomic1"
    )


def test_others_install_through_sudo(run_programs: Run, calls: Path) -> None:
    done = run_programs("initdb", "sudo", "apt-get", uid=1000)

    assert done.returncode == 0
    install = "apt-get install -y -qq --no-install-recommends"
    wanted = f"{install} prometheus chromium nodejs npm"
    assert wanted in calls.read_text().splitlines()
    assert calls.read_text().count("sudo -n") == 3


@pytest.mark.parametrize(
    ("stubs", "uid", "failing", "why"),
    [
        ((), 0, "", "this machine has no apt-get"),
        (("apt-get",), 1000, "", "apt-get needs root, and there is no sudo"),
        (("apt-get",), 0, "apt-get", "apt-get install failed"),
    ],
)
def test_what_could_not_be_done_is_one_sentence_with_a_way_out(
    run_programs: Run, stubs: tuple[str, ...], uid: int, failing: str, why: str
) -> None:
    done = run_programs("initdb", *stubs, uid=uid, failing=failing)
    sentence = done.stderr.splitlines()[-1]

    assert done.returncode == 1
    missing = "prometheus chromium nodejs npm"
    assert sentence.startswith(f"{missing} could not be installed: {why}")
    assert "make test PYTEST_ARGS='--ignore tests/grafana" in sentence
