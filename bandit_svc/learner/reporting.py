"""What the learner tells Prometheus.

Owns the gauges that come from the store and the counts of what was ingested.
Reads only; a fault here never stops the learning.
"""

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge

from bandit_svc import metrics
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.learner.loop import Tick
from bandit_svc.services.report import build_report
from bandit_svc.storage.interface import Storage

REFRESH_EVERY_S = 1.0
# Reports take at most this share of the learner's time.
LARGEST_SHARE = 0.1

OUTCOMES: Mapping[str, str] = {
    "rewards_accepted": "accepted",
    "rewards_duplicate": "duplicate",
    # Sent again with another value: to a counter of deliveries, a repetition too.
    "rewards_conflict": "duplicate",
    "rewards_late": "late",
    "rewards_orphan": "orphan",
}

_log = logging.getLogger(__name__)


class Reporting:
    """Sets the metrics of one learner process."""

    def __init__(self, storage: Storage, reader: EventLogReader) -> None:
        self._storage = storage
        self._reader = reader
        self._keys: dict[int, str] = {}
        self._values: set[tuple[str, str, str]] = set()
        self._due_s = 0.0

    def count(self, tick: Tick) -> None:
        """Add what a tick has ingested to the counters."""
        for (number, name), count in tick.ingested.counts.items():
            key = self._key(number)
            if key is None:
                continue
            if name in OUTCOMES:
                metrics.REWARDS.labels(key, OUTCOMES[name]).inc(count)
            elif name == "decisions_fallback":
                metrics.FALLBACKS.labels(key).inc(count)

    def refresh(self, now_ms: int) -> None:
        """Set the gauges, if they are due."""
        begun_s = time.monotonic()
        if begun_s < self._due_s:
            return
        try:
            self._refresh(now_ms)
        except Exception:  # noqa: BLE001 - logged, and tried again
            # The numbers of a graph are not worth a model.
            _log.exception("the metrics could not be refreshed")
        took_s = time.monotonic() - begun_s
        self._due_s = begun_s + max(REFRESH_EVERY_S, took_s / LARGEST_SHARE)

    def _refresh(self, now_ms: int) -> None:
        backlog = self._reader.backlog_bytes(self._storage.facts.cursors())
        metrics.BACKLOG.set(backlog)
        values: set[tuple[str, str, str]] = set()
        for experiment in self._storage.experiments.all():
            report = build_report(self._storage, experiment, now_ms)
            set_gauges(report)
            values |= set_policy_values(report)
        # A label can't be taken back; what is no candidate any more has no value.
        for labels in self._values - values:
            _set(metrics.POLICY_VALUE.labels(*labels), None)
        self._values = values

    def _key(self, number: int) -> str | None:
        if number not in self._keys:
            self._keys = {e.number: e.key for e in self._storage.experiments.all()}
        return self._keys.get(number)


def set_gauges(report: Mapping[str, Any]) -> None:
    """Set the gauges of one experiment from its report."""
    key = report["experiment"]
    metrics.PENDING.labels(key).set(report["decisions"]["pending"])
    model = report["model"]
    _set(metrics.MODEL_VERSION.labels(key), model["version"])
    _set(metrics.MODEL_AGE.labels(key), model["age_seconds"])
    _set(metrics.LEARNER_LAG.labels(key), model["lag_seconds"])
    for group in report["groups"]:
        _set(metrics.REWARD_MEAN.labels(key, group["group"]), group["mean"])
    for kind in ("absolute", "relative"):
        uplift = report["uplift"][kind] or {}
        _set(metrics.UPLIFT.labels(key, kind), uplift.get("estimate"))
        lower, upper = uplift.get("interval") or (None, None)
        _set(metrics.UPLIFT_BOUND.labels(key, kind, "lower"), lower)
        _set(metrics.UPLIFT_BOUND.labels(key, kind, "upper"), upper)


def set_policy_values(report: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Set what other policies would have earned; give the labels that were set."""
    found = set()
    for row in report["policies"]:
        for estimator, one in row["estimates"].items():
            labels = (report["experiment"], row["policy"], estimator)
            _set(metrics.POLICY_VALUE.labels(*labels), one["estimate"])
            found.add(labels)
    return found


def _set(gauge: Gauge, value: float | None) -> None:
    """Set a gauge; what is not known yet is not a number, rather than zero."""
    gauge.set(math.nan if value is None else value)
