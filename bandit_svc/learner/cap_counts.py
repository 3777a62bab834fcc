"""What the learner has found of caps, as counters of Prometheus.

Owns the reading of the store's counters of hits; see storage/counters.py.
"""

from collections.abc import Iterable

from bandit_svc import metrics
from bandit_svc.domain.programmes.counted import read_hits
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.learner.loop import Tick


def begin_caps(programmes: Iterable[Programme]) -> None:
    """Make the counters of all caps begin at 0, so that a rate has one."""
    for programme in programmes:
        for cap in programme.definition.caps:
            metrics.CAP_HITS.labels(programme.key, cap.words)
            metrics.CAP_OVERSHOOT.labels(programme.key, cap.words)


def count_caps(tick: Tick) -> None:
    """Add what a tick has found: hits, exposures beyond a cap, what was not read."""
    for (_, name), count in tick.ingested.counts.items():
        hit = read_hits(name)
        if hit is not None:
            metrics.CAP_HITS.labels(*hit).inc(count)
        elif name == "caps_unread":
            metrics.CAPS_UNREAD.inc(count)
    for cap, count in tick.followed.overshoot.items():
        metrics.CAP_OVERSHOOT.labels(*cap).inc(count)
