"""The `bandit-svc` command: run in this process, or started over a data folder.

Owns `Run`, `run_command` and `Command`.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from click.testing import CliRunner, Result

from bandit_svc.cli.main import main
from tests.harness.loopback import get_text
from tests.harness.process import (
    COMMAND,
    Process,
    command_of,
    living,
    parent_of,
    plain_environment,
    variables_of,
)


class Run(Protocol):
    """Run a command in this process: `run("keys", "list", "--data", folder)`."""

    def __call__(
        self, *arguments: object, stdin: str | None = None, **environment: str
    ) -> Result: ...


def run_command(
    *arguments: object, stdin: str | None = None, **environment: str
) -> Result:
    """Run a command in this process."""
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, words, input=stdin, env=environment)


class Command(Process):
    """One `bandit-svc` process over a data folder, and all that it starts."""

    def __init__(self, data: Path, number: int, *arguments: str) -> None:
        self.data = data
        # The variable marks every process below it, however it ends.
        environment = plain_environment(BANDIT_DATA=str(data))
        output = data.parent / f"command-{number}.log"
        super().__init__([COMMAND, *arguments], output, environment)

    @property
    def url(self) -> str:
        """The address that it has printed."""
        return "http://" + self.said.split("on http://")[1].split()[0]

    def wait_until_up(self) -> None:
        """Wait until it listens and answers."""
        self.wait_for_words("Listening on")
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Wait until it answers."""
        self.wait_for(lambda: self.get("/healthz") is not None, "it healthy")

    def get(self, path: str) -> str | None:
        """GET a path; None while nothing answers."""
        return get_text(self.url + path)

    def children(self, word: str) -> list[int]:
        """Return its direct children whose command holds a word."""
        return [
            pid
            for pid in processes_of(self.data)
            if parent_of(pid) == self.pid and word in command_of(pid)
        ]

    def end(self) -> None:
        """Leave nothing behind, whatever state the test has left it in."""
        super().end()
        for pid in processes_of(self.data):
            # It may have ended by itself since it was found.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class StartCommand(Protocol):
    """Start `bandit-svc` with these arguments over the data folder of the test."""

    def __call__(self, *arguments: str) -> Command: ...


def processes_of(data: Path) -> list[int]:
    """Return every living process that was started over a data folder."""
    marker = f"BANDIT_DATA={data}"
    return [pid for pid in living() if marker in variables_of(pid)]
