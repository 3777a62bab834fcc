"""The supervisor over shell commands: restarts, pauses, giving up, draining."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.harness.process import children_of, is_gone
from tests.harness.waiting import GENEROUS_S, wait_until

PROCESS = Path(__file__).parent / "supervise_process.py"


class Start(Protocol):
    """Start a supervisor of shell commands, as NAME=COMMAND."""

    def __call__(
        self, *arguments: str, drain_s: float = GENEROUS_S, silent_s: float = 0.0
    ) -> subprocess.Popen[str]: ...


pytestmark = pytest.mark.e2e


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a supervisor of shell commands; end it after the test."""
    processes: list[subprocess.Popen[str]] = []

    def begin(
        *arguments: str, drain_s: float = GENEROUS_S, silent_s: float = 0.0
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(PROCESS), str(drain_s), str(silent_s), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], words: str, count: int) -> list[str]:
    """Read its output until so many lines hold the words; give those."""
    assert process.stdout is not None
    found: list[str] = []
    while len(found) < count:
        line = process.stdout.readline()
        assert line, f"it ended before it said {words!r}"
        if words in line:
            found.append(line)
    return found


def pid_in(line: str) -> int:
    return int(line.split("pid ")[1].split(")", maxsplit=1)[0])


def test_the_first_restart_is_at_once_and_the_pauses_grow(start: Start) -> None:
    process = start("plain", "short=exit 3")
    deaths = lines(process, "died of exit status 3", 5)
    pauses = [float(line.rsplit("in ", 1)[1].split()[0]) for line in deaths]

    assert pauses == [0.0, 0.1, 0.2, 0.4, 0.8]


def test_a_killed_child_is_started_again_and_its_signal_is_logged(
    start: Start,
) -> None:
    process = start("vital", "sleeper=exec sleep 600")
    for _ in range(4):
        # More deaths than make it give up, were they the child's own.
        (line,) = lines(process, "sleeper started", 1)
        os.kill(pid_in(line), signal.SIGKILL)
    (death,) = lines(process, "died of", 1)

    assert "SIGKILL" in death


def test_a_vital_child_that_never_was_well_makes_it_give_up_and_drain(
    start: Start,
) -> None:
    process = start("vital", "sleeper=exec sleep 600", "short=exit 3")
    (line,) = lines(process, "sleeper started", 1)
    (last,) = lines(process, "gave up", 1)

    assert process.wait(GENEROUS_S) == 1
    assert "short ended 3 times in a row" in last
    assert is_gone(pid_in(line))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_lets_the_children_finish_and_exits_0(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    file = tmp_path / "finished"
    command = (
        f"trap 'sleep 0.2; touch {file}; exit 0' TERM; while :; do sleep 0.05; done"
    )
    process = start("plain", f"worker={command}")
    (line,) = lines(process, "worker started", 1)
    # The shell needs a moment to set its trap; its first sleep comes after it.
    wait_until(lambda: children_of(pid_in(line)), "the shell's first sleep")
    process.send_signal(number)

    assert process.wait(GENEROUS_S) == 0
    assert file.exists()


def test_a_child_that_ignores_the_signal_is_killed_with_its_own_children(
    start: Start,
) -> None:
    deaf = "deaf=trap '' TERM; sleep 600 & echo below pid $!; wait"
    process = start("plain", deaf, drain_s=0.2)
    (line,) = lines(process, "below pid", 1)
    below = int(line.split()[-1])
    process.terminate()

    assert process.wait(GENEROUS_S) == 0
    wait_until(lambda: is_gone(below), "the grandchild gone")


def test_children_end_when_the_supervisor_is_killed(start: Start) -> None:
    process = start("plain", "a=exec sleep 600", "b=exec sleep 600")
    pids = [pid_in(line) for line in lines(process, "started", 2)]
    process.kill()

    wait_until(lambda: all(map(is_gone, pids)), "the children gone")


BEAT = "printf . > /proc/self/fd/$BANDIT_HEARTBEAT_FD"


def test_a_child_that_was_stopped_is_killed_and_started_again(start: Start) -> None:
    process = start("plain", f"a=while {BEAT}; do sleep 0.05; done", silent_s=1.0)
    (line,) = lines(process, "a started", 1)
    stopped = pid_in(line)
    os.kill(stopped, signal.SIGSTOP)
    (silent,) = lines(process, "no sign of life", 1)
    (death,) = lines(process, "died of", 1)
    (again,) = lines(process, "a started", 1)

    assert "at most 1.0 s are allowed" in silent or "at most 4.0 s" in silent
    assert pid_in(silent) == pid_in(death) == stopped
    assert "SIGKILL" in death
    assert pid_in(again) != stopped


def test_the_allowed_silence_doubles_with_each_kill(start: Start) -> None:
    # It gives one sign of life, and hangs.
    process = start("plain", f"a={BEAT}; exec sleep 600", silent_s=0.2)
    silences = lines(process, "no sign of life", 4)
    allowed = [float(s.split("at most ")[1].split(" s")[0]) for s in silences]

    assert allowed == [0.2, 0.4, 0.8, 1.6]


def test_a_child_that_never_gives_a_sign_has_longer_to_start(start: Start) -> None:
    process = start("plain", "a=exec sleep 600", silent_s=0.2)
    (silent,) = lines(process, "no sign of life", 1)

    assert "at most 0.8 s are allowed" in silent


def test_a_child_that_gives_signs_is_left_alone(start: Start) -> None:
    talks = f"talks=while {BEAT}; do sleep 0.05; done"
    process = start("plain", talks, "hangs=exec sleep 600", silent_s=2.0)
    killed = lines(process, "no sign of life", 2)

    assert all(line.split("hangs")[0] != line for line in killed)
