"""The learner's one child, which does queued jobs.

Owns when it is started and how it is ended; what it does is jobs.py's. It is in the
learner's own process group, so that whatever kills the learner for good ends it too.
"""

import logging
import os
import subprocess
import sys
import time

from bandit_svc.storage.jobs import Jobs

PAUSE_AFTER_FAULT_S = 1.0
STOP_S = 5.0
# The child has no metrics of its own.
_METRICS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_log = logging.getLogger(__name__)


class JobsChild:
    """Starts the child when there is something to do; at most one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._due_s = 0.0

    def look(self, jobs: Jobs) -> None:
        """Note that it has ended; start it if a job is waiting.

        A job that a dead child has left is waiting too.

        Raises:
            OSError: it can't be started.
        """
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._process = None
            if status:
                _log.warning("the process that does jobs ended with %d", status)
                self._due_s = time.monotonic() + PAUSE_AFTER_FAULT_S
        if time.monotonic() >= self._due_s and jobs.unfinished():
            self._process = self._started()

    def stop(self) -> None:
        """End it, by force if it does not end by itself; its job is queued again."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            _log.warning("the process that does jobs is killed")
            self._process.kill()
            self._process.wait()
        self._process = None

    def _started(self) -> "subprocess.Popen[bytes]":
        environment = {k: v for k, v in os.environ.items() if k != _METRICS_VARIABLE}
        command = [sys.executable, "-m", "bandit_svc.learner.jobs", str(os.getpid())]
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdin=subprocess.DEVNULL
        )
        _log.info("jobs are waiting: started pid %d", process.pid)
        return process
