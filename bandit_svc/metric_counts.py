"""Counts and durations on their way to the metrics.

Owns what this process has counted and not yet written. A request only notes what it
counts, which costs a tenth of writing it to the shared files of
`PROMETHEUS_MULTIPROC_DIR`. What was noted is written all at once: by the worker at each
tick and at its exit, and by whoever collects the metrics. A process that is killed
loses the counts of one tick; facts are in the event log before they are counted.
"""

import threading
from bisect import bisect_right
from collections import Counter as Tally
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import TypeVar

from prometheus_client import REGISTRY, Counter, Histogram, Metric
from prometheus_client.registry import Collector

_Note = TypeVar("_Note")
MOST_NOTES = 10_000
"""With more of them, a request writes them itself; a tick comes long before."""

# Appending is atomic, so that requests need no lock. A note makes no object
# that the collector of garbage tracks.
_counted: deque[Counter] = deque()
_observed: defaultdict[Histogram, deque[float]] = defaultdict(deque)
_flushing = threading.Lock()


def count(counter: Counter) -> None:
    """Add one to a counter, at the next flush."""
    _counted.append(counter)
    if len(_counted) > MOST_NOTES:
        flush()


def observe(histogram: Histogram, value: float) -> None:
    """Add a value to a histogram, at the next flush."""
    notes = _observed[histogram]
    notes.append(value)
    if len(notes) > MOST_NOTES:
        flush()


def flush() -> None:
    """Write to the metrics all that was noted before this call."""
    with _flushing:
        for counter, times in Tally(_taken(_counted)).items():
            counter.inc(times)
        for histogram, notes in list(_observed.items()):
            _observe_all(histogram, _taken(notes))


def install() -> None:
    """Make collecting flush first; call it before the first metric exists."""
    REGISTRY.register(_Flush())


class _Flush(Collector):
    """A collector of no metric: those after it are collected as of now."""

    def collect(self) -> Iterable[Metric]:
        flush()
        return ()


def _taken(notes: deque[_Note]) -> list[_Note]:
    return [notes.popleft() for _ in range(len(notes))]


def _observe_all(histogram: Histogram, values: list[float]) -> None:
    """Do what `histogram.observe` does for each value, with one write a bucket.

    The client has no call for many values; test_metric_counts.py compares the two.
    """
    values.sort()
    below = 0
    for edge, bucket in zip(histogram._upper_bounds, histogram._buckets, strict=True):  # noqa: SLF001 - see above
        within = bisect_right(values, edge)
        if within > below:
            bucket.inc(within - below)
        below = within
    histogram._sum.inc(sum(values))  # noqa: SLF001 - see above
