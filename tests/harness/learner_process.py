"""`python -m bandit_svc.learner` as a process.

Owns `LearnerProcess`; its log goes through a pipe, which works when the disk is full.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.harness.process import Process


class LearnerProcess(Process):
    """A learner, and what it has logged."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._read = b""
        command = [sys.executable, "-m", "bandit_svc.learner"]
        super().__init__(command, Path(os.devnull), environment)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env=self._environment,
        )

    @property
    def said(self) -> str:
        assert self.process.stdout is not None
        while more := self.process.stdout.read():
            self._read += more
        return self._read.decode()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


class StartLearner(Protocol):
    """Start a learner over the folder of the test, with more variables."""

    def __call__(self, **variables: str) -> LearnerProcess: ...
