"""The demo as a process, with a stub in the place of the service."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from simulators.demo_service import Service, ServiceError, port_from
from tests.harness.process import command_of, living
from tests.harness.waiting import GENEROUS_S, wait_until

STUB = Path(__file__).with_name("stub_service.py")
# The demo with its command replaced by the stub; everything else is real.
DEMO = f"""
import sys
from simulators import demo
sys.exit(demo.main(sys.argv[1:], (sys.executable, {str(STUB)!r})))
"""


class Start(Protocol):
    """Start the demo with these options."""

    def __call__(self, *options: str, **environment: str) -> subprocess.Popen[str]: ...


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, **environment: str) -> subprocess.Popen[str]:
        variables = {k: v for k, v in os.environ.items() if k != "BANDIT_PORT"}
        process = subprocess.Popen(
            [sys.executable, "-c", DEMO, "--data", str(tmp_path), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=variables | environment,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def processes_with(text: str) -> list[int]:
    """Return the processes that have `text` in their command line."""
    others = (pid for pid in living() if pid != os.getpid())
    return [pid for pid in others if text in command_of(pid)]


@pytest.mark.e2e
def test_demo_shows_its_reports_and_stops_by_itself(
    start_demo: Start, tmp_path: Path
) -> None:
    process = start_demo("--seconds", "2")
    output, _ = process.communicate(timeout=GENEROUS_S)

    assert process.returncode == 0
    assert "Dashboard: http://127.0.0.1:" in output
    for key in ("homepage-hero", "artwork", "aa-test", "shop"):
        assert f"{key} | 100 decisions (5 pending) | reward treatment 0.300" in output
    assert "the uplift of homepage-hero is above 0" in output
    assert "true mean reward: best" in output
    assert processes_with(str(tmp_path)) == []


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_with_status_0(
    start_demo: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start_demo()
    assert process.stdout is not None
    while "Dashboard" not in process.stdout.readline():
        assert process.poll() is None

    process.send_signal(number)
    output, _ = process.communicate(timeout=GENEROUS_S)

    assert process.returncode == 0
    assert output.endswith("Stopped.\n")
    assert processes_with(str(tmp_path)) == []


@pytest.mark.e2e
def test_a_service_that_dies_ends_the_demo_with_status_1_and_the_end_of_its_log(
    start_demo: Start, tmp_path: Path
) -> None:
    process = start_demo(BANDIT_STUB="dies")
    output, _ = process.communicate(timeout=GENEROUS_S)

    assert process.returncode == 1
    assert "the service ended with status 3" in output
    assert "the disk is on fire" in output
    assert processes_with(str(tmp_path)) == []


@pytest.mark.e2e
def test_a_service_that_never_starts_ends_the_wait(tmp_path: Path) -> None:
    script = "import sys; sys.exit('no such option')"
    service = Service(tmp_path, port_from({}), (sys.executable, "-c", script))

    with pytest.raises(ServiceError, match=r"status 1(.|\n)*no such option"):
        service.wait_until_ready(threading.Event().wait)


@pytest.mark.e2e
def test_stopping_ends_what_a_dead_supervisor_left_behind(tmp_path: Path) -> None:
    child = f"import time; time.sleep(600)  # left behind in {tmp_path}"
    parent = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    )
    service = Service(tmp_path, port_from({}), (sys.executable, "-c", parent))
    with pytest.raises(ServiceError, match="status 0"):
        service.wait_until_ready(threading.Event().wait)
    assert len(processes_with(child)) == 1

    service.stop()

    wait_until(lambda: not processes_with(child), "the child gone")


@pytest.mark.parametrize("given", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ServiceError, match="between 1 and 65535"):
        port_from({"BANDIT_PORT": given})


def test_the_port_of_the_environment_is_taken() -> None:
    free = port_from({})

    assert port_from({"BANDIT_PORT": str(free)}) == free


def test_a_port_that_somebody_listens_on_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ServiceError, match="can't be listened on"):
            port_from({"BANDIT_PORT": str(port)})


def test_without_a_port_a_free_one_is_found() -> None:
    assert 1024 <= port_from({}) < 65536
