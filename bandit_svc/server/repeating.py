"""Repeat a piece of work in the background of one web worker.

Owns the thread and its pause. The work is passed in: the look for newer models, or the
writing of the metrics.
"""

import logging
import threading
from collections.abc import Callable

from bandit_svc.errors import BanditError
from policies.base import PolicyError

_log = logging.getLogger(__name__)
JOIN_TIMEOUT_S = 5
"""How long `close` waits for the thread; it is a daemon, so exit never hangs."""


class Repeating:
    """A thread that calls `work` after each pause, until `close`."""

    def __init__(
        self, name: str, work: Callable[[], object], pause_ms: int, failure: str
    ) -> None:
        """Keep what is repeated; `failure` begins the log line of an error."""
        self._work = work
        self._pause_s = pause_ms / 1000
        self._failure = failure
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True, name=name)

    def start(self) -> None:
        """Start the thread; call it once, after the fork."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; idempotent."""
        self._stop.set()
        self._thread.join(timeout=JOIN_TIMEOUT_S)

    def _repeat(self) -> None:
        while not self._stop.wait(self._pause_s):
            try:
                self._work()
            except (BanditError, PolicyError) as error:
                # What the last time has made keeps serving; the next one tries again.
                _log.error("%s: %s", self._failure, error)
