"""Load newer models in the background of one web worker.

Owns the thread and its pause. How models are loaded is the catalog's, whose
`refresh_models` is passed in.
"""

import logging
import threading
from collections.abc import Callable

from bandit_svc.errors import BanditError
from policies.base import PolicyError

_log = logging.getLogger(__name__)
JOIN_TIMEOUT_S = 5
"""How long `close` waits for the thread; it is a daemon, so exit never hangs."""


class ModelPoller:
    """A thread that calls `refresh` after each pause, until `close`."""

    def __init__(self, refresh: Callable[[], object], pause_ms: int) -> None:
        self._refresh = refresh
        self._pause_s = pause_ms / 1000
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True, name="models")

    def start(self) -> None:
        """Start the thread; call it once, after the fork."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; idempotent."""
        self._stop.set()
        self._thread.join(timeout=JOIN_TIMEOUT_S)

    def _poll(self) -> None:
        while not self._stop.wait(self._pause_s):
            try:
                self._refresh()
            except (BanditError, PolicyError) as error:
                # The loaded models keep serving; the next poll tries again.
                _log.error("newer models can't be loaded: %s", error)
