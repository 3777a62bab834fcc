"""What the learner tells Prometheus, and the dashboard's list.

Owns the gauges that come from the store and the counts of what was ingested. Keeps
the headline of each report, so that a list of all experiments makes none. A fault
here never stops the learning.
"""

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Gauge

from bandit_svc import metrics
from bandit_svc.domain.experiment import Experiment
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.learner.loop import Tick
from bandit_svc.services.candidate_specs import FIXED
from bandit_svc.services.report import build_report
from bandit_svc.services.summaries import headline_of
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

HEALTH_LEVELS: Mapping[str, int] = {"ok": 0, "warn": 1, "fail": 2}
GUARDRAIL_LEVELS: Mapping[str, int] = {"ok": 0, "undecided": 1, "breached": 2}

Report = Mapping[str, Any]
Series = tuple[Gauge, tuple[str, ...]]

_log = logging.getLogger(__name__)


class Reporting:
    """Sets the metrics of one learner process."""

    def __init__(self, storage: Storage, reader: EventLogReader) -> None:
        self._storage = storage
        self._reader = reader
        self._labels: dict[int, str] = {}
        self._series: set[Series] = set()
        self._due_s = 0.0

    def count(self, tick: Tick) -> None:
        """Add what a tick has ingested to the counters."""
        for (number, name), count in tick.ingested.counts.items():
            if name in OUTCOMES:
                label = self._label(number)
                if label is not None:
                    metrics.REWARDS.labels(label, OUTCOMES[name]).inc(count)

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
        experiments = self._storage.experiments.all()
        self._choose_labels(experiments)
        rest = Rest()
        series: set[Series] = set()
        headlines = []
        for experiment in experiments:
            report = build_report(self._storage, experiment, now_ms)
            headlines.append(headline_of(report, experiment.number, now_ms))
            if self._labels[experiment.number] == metrics.OTHER:
                rest.add(report)
                continue
            series |= set_gauges(report) | set_statuses(report)
            series |= {(metrics.POLICY_VALUE, one) for one in set_policy_values(report)}
        self._storage.overview.keep(headlines)
        series |= rest.set_gauges()
        # A label can't be taken back; what is no candidate any more has no value.
        for gauge, labels in self._series - series:
            _set(gauge.labels(*labels), None)
        self._series = series

    def _label(self, number: int) -> str | None:
        if number not in self._labels:
            self._choose_labels(self._storage.experiments.all())
        return self._labels.get(number)

    def _choose_labels(self, experiments: Iterable[Experiment]) -> None:
        experiments = list(experiments)
        own = metrics.labelled_experiments(experiments)
        before = set(self._labels.values())
        self._labels = {
            e.number: e.key if e.key in own else metrics.OTHER for e in experiments
        }
        for label in set(self._labels.values()) - before:
            # A counter that is there from the start shows its first increase too.
            metrics.FALLBACKS.labels(label)
            for outcome in OUTCOMES.values():
                metrics.REWARDS.labels(label, outcome)


class Rest:
    """The experiments beyond the cap of labels: their sum, and the worst of them.

    Alerts reach them all so; a mean or a version of many would say nothing.
    """

    def __init__(self) -> None:
        self._values: dict[Series, float] = {}

    def add(self, report: Report) -> None:
        """Count one experiment in."""
        other = (metrics.OTHER,)
        pending: Series = (metrics.PENDING, other)
        count = self._values.get(pending, 0.0) + report["decisions"]["pending"]
        self._values[pending] = count
        self._worsen((metrics.LEARNER_LAG, other), report["model"]["lag_seconds"])
        self._worsen((metrics.MODEL_AGE, other), report["model"]["age_seconds"])
        for gauge, (_, name), level in statuses(report):
            # The checks are ours; a metric's name is one experiment's own.
            shown = name if gauge is metrics.HEALTH else metrics.OTHER
            self._worsen((gauge, (metrics.OTHER, shown)), level)

    def set_gauges(self) -> set[Series]:
        """Set what was counted in; give the labels that were set."""
        for (gauge, labels), value in self._values.items():
            _set(gauge.labels(*labels), value)
        return set(self._values)

    def _worsen(self, series: Series, value: float | None) -> None:
        if value is not None:
            self._values[series] = max(value, self._values.get(series, value))


def set_gauges(report: Report) -> set[Series]:
    """Set the gauges of one experiment from its report; give the labels set."""
    key = report["experiment"]
    model = report["model"]
    values: dict[Series, float | None] = {
        (metrics.PENDING, (key,)): report["decisions"]["pending"],
        (metrics.MODEL_VERSION, (key,)): model["version"],
        (metrics.MODEL_AGE, (key,)): model["age_seconds"],
        (metrics.LEARNER_LAG, (key,)): model["lag_seconds"],
    }
    for group in report["groups"]:
        values[metrics.REWARD_MEAN, (key, group["group"])] = group["mean"]
    for kind in ("absolute", "relative"):
        uplift = report["uplift"][kind] or {}
        values[metrics.UPLIFT, (key, kind)] = uplift.get("estimate")
        lower, upper = uplift.get("interval") or (None, None)
        values[metrics.UPLIFT_BOUND, (key, kind, "lower")] = lower
        values[metrics.UPLIFT_BOUND, (key, kind, "upper")] = upper
    for (gauge, labels), value in values.items():
        _set(gauge.labels(*labels), value)
    return set(values)


def set_statuses(report: Report) -> set[Series]:
    """Set what the checks and guardrails say; give the labels that were set."""
    found: set[Series] = set()
    for gauge, labels, level in statuses(report):
        gauge.labels(*labels).set(level)
        found.add((gauge, labels))
    return found


def statuses(report: Report) -> Iterator[tuple[Gauge, tuple[str, str], int]]:
    """Give every check and declared metric; an archived experiment has none."""
    key = report["experiment"]
    if report["status"] == "archived":
        return
    for row in report["health"]:
        yield metrics.HEALTH, (key, row["check"]), HEALTH_LEVELS[row["status"]]
    for row in report["metrics"]:
        # A name without a guardrail came with a request, and is no label.
        if row["guardrail"] is not None:
            level = GUARDRAIL_LEVELS[row["guardrail"]["status"]]
            yield metrics.GUARDRAIL, (key, row["metric"]), level


def set_policy_values(report: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Set what other policies would have earned; give the labels that were set."""
    found = set()
    for row in _labelled_policies(report["policies"]):
        for estimator, one in row["estimates"].items():
            labels = (report["experiment"], row["policy"], estimator)
            _set(metrics.POLICY_VALUE.labels(*labels), one["estimate"])
            found.add(labels)
    return found


def _labelled_policies(rows: Iterable[Report]) -> Iterator[Report]:
    """Leave out the fixed variants that have no label of their own."""
    fixed_count = 0
    for row in rows:
        is_fixed = row["policy"].startswith(FIXED)
        fixed_count += is_fixed
        if not is_fixed or fixed_count <= metrics.MAX_VARIANTS:
            yield row


def _set(gauge: Gauge, value: float | None) -> None:
    """Set a gauge; what is not known yet is not a number, rather than zero."""
    gauge.set(math.nan if value is None else value)
