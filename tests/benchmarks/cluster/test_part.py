"""A part of a cluster: its group, its death, the death of who started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cluster.part import Command, Part, Place
from benchmarks.cluster.processes import children_of
from tests.harness.process import is_gone
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.e2e

SLEEPS = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
STARTS = """
import sys, time
from pathlib import Path
from benchmarks.cluster.part import Command, Part, Place
part = Part("part", Place(), Command(sys.argv[2:], {}), Path(sys.argv[1]))
part.start()
print(part.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Part("part", Place(), Command(SLEEPS, {"A": "1"}), tmp_path / "part.log")


def test_it_stays_in_the_group_of_its_caller_and_can_be_killed_and_started(
    part: Part,
) -> None:
    assert part.pid == 0
    assert not part.is_running()
    part.start()
    first = part.pid
    wait_until(lambda: "up" in part.log_tail(), "it up")
    assert os.getpgid(first) == os.getpgid(0)

    part.kill()
    assert not part.is_running()
    part.start()
    assert part.is_running()
    assert part.pid != first

    part.ask_to_stop()
    assert part.ended_within(60.0)


def test_one_that_was_never_started_ends_at_once(part: Part) -> None:
    part.kill()
    part.ask_to_stop()

    assert part.ended_within(0.0)
    assert part.log_tail() == "(none)"


def test_one_that_does_not_end_in_time_says_so(part: Part) -> None:
    part.start()

    assert not part.ended_within(0.01)
    part.kill()


def test_it_ends_with_who_started_it_even_by_kill_9(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTS, str(tmp_path / "log"), *SLEEPS],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    wait_until(lambda: "up" in (tmp_path / "log").read_text(), "it up")
    assert pid in children_of(starter.pid)

    starter.send_signal(signal.SIGKILL)
    starter.communicate()

    wait_until(lambda: is_gone(pid), "it gone")
