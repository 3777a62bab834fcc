"""Count requests and decisions for Prometheus.

Owns the labels of these counts and the cache of metric children: looking a child up
costs as much as counting. Which keys get a label of their own is metrics.py's.
"""

from functools import lru_cache

from prometheus_client import Counter

from bandit_svc import metrics
from bandit_svc.domain.events.decision import Decision
from bandit_svc.http.doors.segment.counts import COUNTED_KINDS, COUNTED_OUTCOMES
from bandit_svc.http.incoming.encodings import OUTCOMES
from bandit_svc.metric_counts import count
from bandit_svc.services.serving.catalog import Catalog

_ENDED = ("reset", "late", "idle", "unread", "refused")
_REFUSED = ("missing", "unknown", "expired", "scope", "origin", "experiment")


class DecisionCounter:
    """Counts the answered decisions of one worker by experiment, variant and group."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._counters: dict[tuple[str, str, str], Counter] = {}
        self._labelled: tuple[int | None, frozenset[str]] = (None, frozenset())

    def count(self, decision: Decision) -> None:
        """Count one answered decision."""
        # A variant that the request brought itself is free text: it gets no label
        # of its own.
        inline = decision.inline_variants is not None
        variant = metrics.INLINE if inline else decision.variant
        labels = (decision.experiment, variant, decision.group)
        counter = self._counters.get(labels)
        if counter is None:
            counter = self._counters[labels] = self._counter(*labels)
        count(counter)
        if decision.source == "fallback":
            label = self._experiment_label(decision.experiment)
            count(metrics.FALLBACKS.labels(label))

    def _counter(self, experiment: str, variant: str, group: str) -> Counter:
        """Return the counter of these labels, under `(other)` beyond the caps."""
        label = self._experiment_label(experiment)
        definition = self._catalog.experiment(experiment).definition
        own = {metrics.INLINE} | metrics.labelled_variants(definition)
        if label == metrics.OTHER or variant not in own:
            variant = metrics.OTHER
        return metrics.DECISIONS.labels(label, variant, group)

    def _experiment_label(self, key: str) -> str:
        catalog = self._catalog
        version, own = self._labelled
        if version != catalog.version:
            # This walks over all experiments, so it is done once a catalog version.
            version, own = catalog.version, metrics.labelled_experiments(catalog.all())
            self._labelled = version, own
        return key if key in own else metrics.OTHER


def begin_counts() -> None:
    """Make the counters whose reasons are known begin at 0, so that a rate has one."""
    for reason in _ENDED:
        metrics.CONNECTIONS_ENDED.labels(reason)
    for reason in _REFUSED:
        metrics.REFUSED_KEYS.labels(reason)
    for outcome in OUTCOMES:
        metrics.COMPRESSED_BODIES.labels(outcome)
    for kind in COUNTED_KINDS:
        for outcome in COUNTED_OUTCOMES:
            metrics.SEGMENT_MESSAGES.labels(kind, outcome)
    metrics.WEBHOOKS.labels(metrics.OTHER, "unknown")


def count_request(route: str, status: int) -> None:
    """Count one answered request of a route."""
    count(_requests(route, status))


def count_ended(reason: str) -> None:
    """Count one connection that was ended early."""
    count(metrics.CONNECTIONS_ENDED.labels(reason))


@lru_cache(maxsize=1_000)
def _requests(route: str, status: int) -> Counter:
    return metrics.REQUESTS.labels(route, str(status))
