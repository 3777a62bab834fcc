"""The data folder belongs to the service's user alone, whatever the umask was."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bandit_svc.cli.service.private_folder import faults, make_private
from tests.harness.command import Run, StartCommand
from tests.harness.loopback import post_json


def open_to_others(folder: Path) -> list[str]:
    found = []
    for path in (folder, *folder.rglob("*")):
        # A file that a running service is about to rename may be gone.
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if mode & 0o077:
                found.append(f"{path} {stat.S_IMODE(mode):o}")
    return found


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Let every bit of a mode through."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.e2e
@pytest.mark.usefixtures("no_umask")
def test_nothing_of_a_service_is_open_to_others(
    start: StartCommand, data: Path
) -> None:
    service = start(
        *("serve", "--dev", "--port", "0", "--keep-log-days", "1"),
        *("--segment-bytes", "65536", "--workers", "1"),
    )
    service.wait_until_up()
    hero = {"key": "hero", "variants": [{"key": "a"}, {"key": "b"}]}
    post_json(service.url + "/v1/experiments", hero)
    request = {"experiment": "hero", "context": {"long": "x" * 250}}
    # More than two segments, so that one of them was read and is kept.
    for _ in range(4):
        post_json(service.url + "/v1/decisions/batch", {"decisions": [request] * 500})
    service.wait_for(lambda: list(data.rglob("kept/*/*")), "a kept segment")

    assert open_to_others(data) == []


@pytest.mark.usefixtures("no_umask")
def test_a_folder_that_was_there_before_is_made_private(data: Path, run: Run) -> None:
    data.mkdir()
    assert run("init", "--data", data).exit_code == 0
    assert open_to_others(data) == []

    data.chmod(0o755)
    for name in ("bandit.db", "locks"):
        (data / name).chmod(0o755)
    examined = run("doctor", "--data", data)
    make_private(data)

    assert examined.exit_code == 1
    assert examined.output.count("is open to other users (mode 755)") == 3
    assert f"chmod 700 {data}\n" in examined.output
    assert faults(data) == open_to_others(data) == []


def test_a_folder_with_files_of_others_keeps_its_mode(data: Path, run: Run) -> None:
    data.mkdir(mode=0o755)
    (data / "theirs.txt").write_text("x")
    (data / "theirs.txt").chmod(0o644)
    assert run("init", "--data", data).exit_code == 0

    assert open_to_others(data) == [f"{data} 755", f"{data / 'theirs.txt'} 644"]
