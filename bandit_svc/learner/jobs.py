"""The process that does queued jobs: `python -m bandit_svc.learner.jobs PARENT`.

Owns its lease, its priority and its end; it ends by itself when the queue is empty.
The learner starts it (jobs_child.py), so that neither a request nor a tick waits for
a job. Settings come from the environment.
"""

import logging
import os
import signal
import sys
from contextlib import closing
from types import FrameType

from bandit_svc import logs
from bandit_svc.clock import now_ms
from bandit_svc.errors import BanditError
from bandit_svc.learner.job_kinds import job_kinds
from bandit_svc.services.managing.jobs import Stopped, recover_jobs, run_job
from bandit_svc.settings import settings_from
from bandit_svc.signals import STOPS, bind_to_parent
from bandit_svc.storage.control.leases import JOBS
from bandit_svc.wiring import Backends

DONE = 0
FAILED = 1
BUSY = 3
# Choices and training come first.
NICENESS = 5
"""More than the learner's, which starts them."""

# `__name__` is "__main__" here.
_log = logging.getLogger("bandit_svc.learner.jobs")


class Ending:
    """Knows whether it is time to end, and says so once by raising.

    Args:
        parent: pid of the learner that it lives with.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._told = False
        for number in STOPS:
            signal.signal(number, self._note)
        bind_to_parent()

    def check(self) -> None:
        """Raise where it is time to end: no signal tells of a death everywhere.

        Raises:
            Stopped: told to stop, or the parent is dead.
        """
        if self._told or os.getppid() != self._parent:
            raise Stopped

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        # A second signal must not come in between what the first one began.
        if not self._told:
            self._told = True
            raise Stopped


def main() -> int:
    """Do jobs until none is left; give the exit code."""
    settings = settings_from(os.environ)
    logs.configure(settings.log_level, "jobs", settings.log_lines)
    os.nice(NICENESS)
    try:
        ending = Ending(int(sys.argv[1]))
        with closing(Backends(settings)) as backends:
            return _work(backends, ending)
    except Stopped:
        _log.info("stopped")
        return DONE
    except (BanditError, OSError):
        _log.exception("jobs can't be done now")
        return FAILED


def _work(backends: Backends, ending: Ending) -> int:
    storage = backends.storage
    if storage.shares is not None:
        # Each job has a lease of its own.
        _do_all(backends, ending)
        return DONE
    with storage.leases.hold(JOBS) as held:
        if held is None:
            return BUSY
        _do_all(backends, ending)
    return DONE


def _do_all(backends: Backends, ending: Ending) -> None:
    recover_jobs(backends.storage, now_ms())
    kinds = job_kinds(backends.archive, backends.settings.keep_days)
    while run_job(backends.storage, kinds, now_ms, ending.check):
        ending.check()


if __name__ == "__main__":
    sys.exit(main())
