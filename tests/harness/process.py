"""Real processes of tests: started, watched through their output, ended.

Owns `Process`, the `bandit-svc` command of this environment, and what /proc tells of
processes and their children.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tests.harness.waiting import GENEROUS_S, wait_until

Found = TypeVar("Found")

COMMAND = str(Path(sys.executable).with_name("bandit-svc"))


def plain_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without settings of the service.

    Tests keep all cores busy; the learner does not give way to them.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BANDIT_")}
    return kept | {"BANDIT_LEARNER_NICE": "0"} | variables


class Process:
    """One process; its output goes to a file, which `said` reads."""

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.output = output
        self.command = list(command)
        self._environment = environment
        self.process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    @property
    def pid(self) -> int:
        """The process's own id."""
        return self.process.pid

    @property
    def said(self) -> str:
        """All that it and its children have printed."""
        return self.output.read_text(errors="replace")

    def wait_for(self, condition: Callable[[], Found], what: str) -> Found:
        """Poll until a condition is true; its output is in the error."""
        return wait_until(condition, what, output=lambda: self.said)

    def wait_for_words(self, words: str, count: int = 1) -> None:
        """Wait until the output holds the words so many times."""
        self.wait_for(lambda: self.said.count(words) >= count, f"{words!r} printed")

    def wait_for_end(self) -> int:
        """Wait until it has ended; return its exit code."""
        return self.process.wait(GENEROUS_S)

    def terminate(self) -> int:
        """Ask it to end, and wait; return its exit code."""
        self.process.terminate()
        return self.wait_for_end()

    def end(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process, of any thread; none if it is gone."""
    found: list[int] = []
    for of_thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, of_thread.read_text().split())
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return b" ".join(words).decode(errors="replace").strip()


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, reaped by its parent or not."""
    try:
        # After the name in brackets comes the state; Z has ended.
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return True
    return state == "Z"


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rsplit(")", 1)[1].split()[1])


def living() -> list[int]:
    """Return every process that /proc shows and that has not ended."""
    pids = [int(f.name) for f in Path("/proc").iterdir() if f.name.isdecimal()]
    return [pid for pid in pids if not is_gone(pid)]


def variables_of(pid: int) -> list[str]:
    """Return the environment that a process was started with, as NAME=VALUE."""
    try:
        words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
    return [word.decode(errors="replace") for word in words]
