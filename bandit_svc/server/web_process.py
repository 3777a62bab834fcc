"""One web process: its worker, its application, and what runs in the background.

Owns the reading of the environment, the real clock and the real randomness.
"""

import contextlib
import gc
import logging
import os
import secrets
import sys
import time
from contextlib import closing

from bandit_svc import logs, metric_counts
from bandit_svc.clock import GuardedClock, now_ms
from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.eventlog.stream.acked import Asking
from bandit_svc.http.request_context import RequestContext
from bandit_svc.metrics import DEGRADED, FOREIGN_CHANGES, FSYNC_FAILURES
from bandit_svc.scheduling import run_soon
from bandit_svc.server.app import create_app
from bandit_svc.server.awaiting.acknowledgements import Acknowledgements
from bandit_svc.server.hot_routes import HotRoutes
from bandit_svc.server.repeating import Repeating
from bandit_svc.services.checks.degraded import LEARNER, MODELS, STORE, UNREAD
from bandit_svc.settings import Settings, settings_from
from bandit_svc.wiring import Backends, Worker

STORE_TRIES, STORE_PAUSE_S = 10, 1.0
GC_THRESHOLD = 20_000
"""Objects made between two young collections; requests leave no cycles behind."""
METRICS_TICK_MS = 250
"""How long a count waits in memory; a worker that is killed loses those that wait."""
SWITCH_INTERVAL_S = 1e-4
"""How long a thread that computes may hold up the loop, which waits for it."""

_log = logging.getLogger(__name__)


class WebProcess:
    """What one process needs to answer requests; make it after the fork.

    Args:
        decides: False for one that computes reports and pages alone.
    """

    def __init__(self, *, decides: bool = True) -> None:
        self.settings = settings_from(os.environ)
        settings = self.settings
        self._decides = decides
        name = f"{'web' if decides else 'pages'}[{os.getpid()}]"
        logs.configure(settings.log_level, name, settings.log_lines)
        if settings.store:
            _wait_for_store(settings)
        self._worker = Worker(
            self.settings,
            now_ms(),
            secrets.token_hex(4),
            FSYNC_FAILURES.inc,
            FOREIGN_CHANGES.inc,
        )
        self._clock = GuardedClock(self._worker.storage.clock.kept())
        self._background = (
            Repeating(
                "models",
                self._poll,
                self.settings.model_poll_ms,
                "newer models can't be loaded",
            ),
            Repeating(
                "metrics",
                metric_counts.flush,
                METRICS_TICK_MS,
                "metrics can't be written",
            ),
        )
        for repeating in self._background:
            repeating.start()
        request_context = RequestContext(self._worker, self._clock.now_ms, os.urandom)
        self.flask = create_app(request_context)
        self.hot_routes = HotRoutes(request_context)
        self.acknowledgements: Acknowledgements | None = None
        if self._worker.awaited is not None:
            asking = Asking(self._worker.folder)
            clock = self._clock
            self.acknowledgements = Acknowledgements(
                self._worker.awaited, asking, clock.now_ms
            )

    def _poll(self) -> None:
        # A process without requests, too, must see when the wall clock steps.
        now_ms = self._clock.now_ms()
        if self._decides:
            self._look_for_faults(now_ms)
        self._worker.weather_exchange.step_if_due(now_ms)
        self._worker.catalog.refresh_models()
        self._worker.key_uses.keep_if_due(now_ms)

    def _look_for_faults(self, now_ms: int) -> None:
        worker = self._worker
        names = {shortage.name for shortage in worker.log.shortages()}
        names |= {reason.name for reason in worker.learner_watch.reasons(now_ms)}
        # The learner itself sets `clock`, at once.
        if worker.catalog.unloaded():
            names.add(MODELS)
        for name in ("disk", "log", LEARNER, STORE, UNREAD, MODELS):
            DEGRADED.labels(name).set(name in names)

    def close(self) -> None:
        """Stop polling, write the metrics, flush the log, close files; idempotent."""
        for repeating in self._background:
            repeating.close()
        metric_counts.flush()
        with contextlib.suppress(BanditError):
            self._worker.key_uses.keep(self._clock.now_ms())
        self._worker.close()


def _wait_for_store(settings: Settings) -> None:
    """Wait until the store answers: its server may be away while this one starts anew.

    Raises:
        SystemExit: it was away for ten seconds. The code is none of those with which a
            worker ends the whole service; the next one waits again.
    """
    for attempt in range(STORE_TRIES):
        try:
            with closing(Backends(settings)) as backends:
                backends.storage.secret()
                backends.storage.clock.kept()
        except Unavailable as error:
            if not attempt:
                _log.warning("%s; waiting for it", error.message)
            time.sleep(STORE_PAUSE_S)
        else:
            return
    raise SystemExit(1)


def tune_interpreter() -> None:
    """Set what makes a process that only serves answer evenly; call it once."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    run_soon()
    # These objects live as long as the process; a collection that walks through them
    # would delay a request.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
