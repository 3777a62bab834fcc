"""What the views of one web worker share.

Owns the impure things of the edge: the clock, the randomness, cached metric
children, and the thread that swaps in newer models.
"""

import logging
import threading
from collections.abc import Callable
from functools import lru_cache

from prometheus_client import Counter

from bandit_svc import metrics
from bandit_svc.domain.decision import Decision
from bandit_svc.errors import BanditError
from bandit_svc.wiring import Worker
from policies.base import PolicyError

_log = logging.getLogger(__name__)


class Edge:
    """One web worker, with its clock and its randomness passed in."""

    def __init__(
        self,
        worker: Worker,
        now_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.worker = worker
        self.now_ms = now_ms
        self.entropy = entropy
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def count_decision(self, decision: Decision) -> None:
        """Count one answered decision."""
        # A variant that the request brought itself is free text: it gets no label
        # of its own.
        inline = decision.inline_variants is not None
        variant = "(request)" if inline else decision.variant
        _decisions(decision.experiment, variant, decision.group).inc()
        if decision.source == "fallback":
            metrics.FALLBACKS.labels(decision.experiment).inc()

    def start(self, model_poll_ms: int) -> None:
        """Look for newer models in the background until `close`."""
        self._thread = threading.Thread(
            target=self._poll, args=(model_poll_ms / 1000,), daemon=True, name="models"
        )
        self._thread.start()

    def close(self) -> None:
        """Stop the thread, flush the log, let go of files; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None
        self.worker.close()

    def _poll(self, pause_s: float) -> None:
        while not self._stop.wait(pause_s):
            try:
                self.worker.catalog.refresh_models()
            except (BanditError, PolicyError) as error:
                # The loaded models go on serving; the next look tries again.
                _log.error("newer models can't be loaded: %s", error)


@lru_cache(maxsize=10_000)
def _decisions(experiment: str, variant: str, group: str) -> Counter:
    """Keep metric children: looking one up costs as much as counting."""
    return metrics.DECISIONS.labels(experiment, variant, group)
