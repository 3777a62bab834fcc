"""The learner's process: `python -m bandit_svc.learner`.

Owns its lease, its pauses and its recovery; a tick is loop.py's. Settings come
from the environment.
"""

import gc
import logging
import os
import sys
from collections.abc import Callable
from contextlib import closing

from bandit_svc import logs, metrics
from bandit_svc.clock import GuardedClock
from bandit_svc.errors import (
    BanditError,
    Conflict,
    InvalidInput,
    LeaseLost,
    Unavailable,
    Unprocessable,
)
from bandit_svc.heartbeat import Heartbeat
from bandit_svc.learner.agreed_time import AgreedTime
from bandit_svc.learner.jobs_child import JobsChild
from bandit_svc.learner.loop import GC_THRESHOLD, Learner
from bandit_svc.learner.reporting import Reporting
from bandit_svc.learner.scoring.scorers import Scorers
from bandit_svc.learner.scraped.metrics_server import metrics_served
from bandit_svc.learner.sharing.share import Everything
from bandit_svc.learner.sharing.taking import work_of
from bandit_svc.learner.weather.watch import watch_of
from bandit_svc.services.checks.degraded import LEARNER, SCORERS
from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.settings import Settings, settings_from
from bandit_svc.signals import StopSignal
from bandit_svc.wiring import Backends

LEASE_POLL_S = 0.5
PAUSE_AFTER_FAULT_S = 1.0
FAILED, WRONG_USAGE = 1, 2

# `__name__` is "__main__" here.
_log = logging.getLogger("bandit_svc.learner")


def main() -> int:
    """Learn until SIGTERM or SIGINT; give the exit code."""
    try:
        settings = settings_from(os.environ)
    except InvalidInput as error:
        sys.stderr.write(f"Error: {error.message}\n")
        return WRONG_USAGE
    logs.configure(settings.log_level, "learner", settings.log_lines)
    os.nice(settings.learner_nice)
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    supervisor = os.environ.get("BANDIT_SUPERVISOR_PID")
    process = Process(StopSignal(), supervisor, Heartbeat(os.environ).beat)
    try:
        with metrics_served(settings), closing(Backends(settings)) as backends:
            process.run(backends)
    except Unavailable as error:
        sys.stderr.write(f"Error: {error.message}\n")
        return FAILED
    _log.info("stopped")
    return 0


class Process:
    """One learner, from its start to its stop.

    Args:
        supervisor: pid of the parent to live with, or None to live alone.
        beat: gives a sign of life.
    """

    def __init__(
        self,
        stop: StopSignal,
        supervisor: str | None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._stop = stop
        self._beat = beat
        self._supervisor = supervisor
        self._waiting = False
        self._jobs = JobsChild()
        self._scorers: Scorers | None = None
        self._time: AgreedTime | None = None

    def run(self, backends: Backends) -> None:
        """Take the lease when it is free, then learn; return when told to stop."""
        if backends.settings.scorers:
            self._scorers = Scorers(backends.settings)
        while not self._wait(0.0):
            try:
                with work_of(backends) as share:
                    if share is not None:
                        self._waiting = False
                        self._learn(backends, share)
                    else:
                        self._note_waiting()
            except (BanditError, OSError):
                _log.exception("the lease can't be taken now; trying again")
            self._wait(LEASE_POLL_S)

    def _learn(self, backends: Backends, share: Everything) -> None:
        """Tick until told to stop, or until another process holds the lease.

        What fails is logged and begun anew.
        """
        weather = watch_of(backends)
        try:
            self._tick_for_ever(backends, share)
        finally:
            weather.stop()
            self._stop_children()

    def _tick_for_ever(self, backends: Backends, share: Everything) -> None:
        while not self._wait(0.0):
            try:
                # What is in memory of the store begins anew, too.
                with closing(Backends(backends.settings)) as own:
                    self._tick_until_stopped(own, self._agreed_time(backends), share)
            except LeaseLost as error:
                _log.warning("%s; waiting for the lease", error.message)
                return
            except Exception as error:  # noqa: BLE001 - logged, and begun anew
                # A full disk, a damaged row or a fault of ours: whatever it was,
                # the store holds the last good state, and the next try starts there.
                # Of a server that is away its sentence says all, each second.
                is_away = isinstance(error, Unavailable)
                _log.error(
                    "the tick failed (%s); beginning anew from the store",
                    error,
                    exc_info=not (is_away and backends.storage.is_on_server),
                )
                metrics.DEGRADED.labels(LEARNER).set(1)
                backends.close()
                self._wait(PAUSE_AFTER_FAULT_S)

    def _tick_until_stopped(
        self, backends: Backends, time: AgreedTime, share: Everything
    ) -> None:
        """Tick until told to stop, or until a unit was erased."""
        reporting = Reporting(
            backends.storage,
            backends.reader,
            publish_every_ms=backends.settings.publish_every_ms,
            own=share.own,
        )
        learner = Learner(
            backends,
            time.now_ms,
            clock_holds=lambda: time.holds,
            on_batch=self._beat,
            share=share,
        )
        if self._scorers is not None:
            self._scorers.begin()
            learner.score_with(self._scorers)
        pause_s = backends.settings.learner_tick_ms / 1000
        stopped = False
        while not stopped:
            # Before the tick, which then ingests what was acknowledged before.
            erasing = backends.storage.privacy.waiting() is not None
            tick = learner.tick()
            time.worked()
            metrics.DEGRADED.labels(LEARNER).set(0)
            if self._scorers is not None:
                metrics.DEGRADED.labels(SCORERS).set(not self._scorers.are_well)
            reporting.count(tick)
            reporting.refresh(time.now_ms())
            share.settle(all_of_it=erasing)
            if erasing and share.is_main and share.has_all:
                with share.main_duties():
                    self._erase(backends.settings, time.now_ms)
                return
            if erasing:
                self._jobs.stop()
            else:
                self._jobs.look(backends.storage.jobs)
            # The next tick begins at once for a changed policy that has not caught up.
            # What candidates and the served model left at the end of their budget
            # waits for the pause.
            behind = any(trained.behind for trained in tick.trained.values())
            stopped = self._wait(0.0 if behind or tick.cut else pause_s)

    def _erase(self, settings: Settings, now_ms: Callable[[], int]) -> None:
        """Erase the unit that waits for it, between two learners."""
        # They read what is blanked, and begin anew.
        self._stop_children()
        done = None
        with closing(Backends(settings)) as fresh:
            try:
                done = erase_unit(fresh.privacy, now_ms, os.urandom, self._beat)
            except (Unprocessable, Conflict) as error:
                _log.warning("an erasure waits: %s", error.message)
        if done is not None and done.step == "done":
            _log.info("erasure %s is done", done.id)
        elif self._wait(PAUSE_AFTER_FAULT_S):
            _log.info("an erasure is not done; the next learner ends it")

    def _stop_children(self) -> None:
        self._jobs.stop()
        if self._scorers is not None:
            self._scorers.stop()

    def _agreed_time(self, backends: Backends) -> AgreedTime:
        """Return the one clock of this process, which outlives a failed tick."""
        if self._time is None:
            clock = GuardedClock(backends.storage.clock.kept())
            self._time = AgreedTime(clock, backends.storage.clock)
        return self._time

    def _wait(self, seconds: float) -> bool:
        """Pause; say whether to stop, for a signal or for the parent's death."""
        self._beat()
        orphaned = self._supervisor not in {None, str(os.getppid())}
        return orphaned or self._stop.wait(seconds)

    def _note_waiting(self) -> None:
        if not self._waiting:
            _log.info("another learner holds the lease; waiting for it to end")
        self._waiting = True


if __name__ == "__main__":
    sys.exit(main())
