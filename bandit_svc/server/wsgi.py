"""The application that gunicorn loads in each worker process, after the fork.

Owns the reading of the environment, the real clock and the real randomness.
"""

import gc
import os
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bandit_svc import logs, metric_counts
from bandit_svc.clock import GuardedClock, now_ms
from bandit_svc.http.request_context import RequestContext
from bandit_svc.metrics import DEGRADED, FOREIGN_CHANGES, FSYNC_FAILURES
from bandit_svc.server.app import create_app
from bandit_svc.server.repeating import Repeating
from bandit_svc.services.checks.degraded import LEARNER, MODELS, STORE, UNREAD
from bandit_svc.settings import settings_from
from bandit_svc.wiring import Worker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


GC_THRESHOLD = 20_000
"""Objects made between two young collections; requests leave no cycles behind."""
METRICS_TICK_MS = 250
"""How long a count waits in memory; a worker that is killed loses those that wait."""


class Application:
    """A WSGI callable that can close its worker."""

    def __init__(self) -> None:
        settings = settings_from(os.environ)
        logs.configure(settings.log_level, f"web[{os.getpid()}]")
        self._worker = Worker(
            settings,
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
                settings.model_poll_ms,
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
        self._app = create_app(
            RequestContext(self._worker, self._clock.now_ms, os.urandom)
        )

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request."""
        return self._app(environ, start_response)

    def _poll(self) -> None:
        # A worker without requests, too, must see when the wall clock steps.
        now_ms = self._clock.now_ms()
        worker = self._worker
        names = {shortage.name for shortage in worker.log.shortages()}
        names |= {reason.name for reason in worker.learner_watch.reasons(now_ms)}
        # The learner itself sets `clock`, at once.
        if worker.catalog.unloaded():
            names.add(MODELS)
        for name in ("disk", "log", LEARNER, STORE, UNREAD, MODELS):
            DEGRADED.labels(name).set(name in names)
        self._worker.catalog.refresh_models()

    def close(self) -> None:
        """Stop polling, write the metrics, flush the log, close files; idempotent."""
        for repeating in self._background:
            repeating.close()
        metric_counts.flush()
        self._worker.close()


application = Application()
# These objects live as long as the process; a collection that walks through them would
# delay a request.
gc.freeze()
gc.set_threshold(GC_THRESHOLD)
