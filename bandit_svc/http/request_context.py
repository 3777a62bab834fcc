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
from bandit_svc.domain.events.decision import Decision
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
        # Looking a metric's child up costs as much as counting.
        self._counters: dict[tuple[str, str, str], Counter] = {}
        self._labelled: tuple[int | None, frozenset[str]] = (None, frozenset())

    def count_decision(self, decision: Decision) -> None:
        """Count one answered decision."""
        # A variant that the request brought itself is free text: it gets no label
        # of its own.
        inline = decision.inline_variants is not None
        variant = metrics.INLINE if inline else decision.variant
        labels = (decision.experiment, variant, decision.group)
        counter = self._counters.get(labels)
        if counter is None:
            counter = self._counters[labels] = self._counter(*labels)
        counter.inc()
        if decision.source == "fallback":
            metrics.FALLBACKS.labels(self._experiment_label(decision.experiment)).inc()

    def _counter(self, experiment: str, variant: str, group: str) -> Counter:
        """Give the counter of a kind of decisions, under `(other)` beyond the caps."""
        label = self._experiment_label(experiment)
        definition = self.worker.catalog.experiment(experiment).definition
        own = {metrics.INLINE} | metrics.labelled_variants(definition)
        if label == metrics.OTHER or variant not in own:
            variant = metrics.OTHER
        return metrics.DECISIONS.labels(label, variant, group)

    def _experiment_label(self, key: str) -> str:
        catalog = self.worker.catalog
        version, own = self._labelled
        if version != catalog.version:
            # A walk over all experiments, which few requests may have to pay for.
            version, own = catalog.version, metrics.labelled_experiments(catalog.all())
            self._labelled = version, own
        return key if key in own else metrics.OTHER

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


def count_answer(route: str, status: int) -> None:
    """Count one answered request of a route."""
    _answers(route, status).inc()


@lru_cache(maxsize=1_000)
def _answers(route: str, status: int) -> Counter:
    """Keep metric children: looking one up costs as much as counting."""
    return metrics.REQUESTS.labels(route, str(status))
