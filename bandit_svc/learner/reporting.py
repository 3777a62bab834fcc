"""Report experiments to Prometheus and to the dashboard's list.

Owns when a report is made for the gauges, and the counts of what was ingested. Keeps
the headline of each report, so that a list of all experiments makes none. However many
experiments there are, a turn takes little time, and those to which nothing has
happened get no new report. A fault here never stops the learning.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import urandom
from typing import NamedTuple

from msgspec.structs import replace

from bandit_svc import metrics
from bandit_svc.clock import elapsed_s
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.splits.step import Kind
from bandit_svc.eventlog.interface import EventLogReader
from bandit_svc.learner.cap_counts import begin_caps, count_caps
from bandit_svc.learner.gauges import Rest, Series, set_all, set_value
from bandit_svc.learner.loop import Tick
from bandit_svc.learner.scraped.stream_gauges import show_stream
from bandit_svc.services.checks.degraded import (
    ARCHIVE,
    DAMAGE,
    MODELS,
    UNREADABLE,
    damage_reasons,
    unlearned_before_ms,
)
from bandit_svc.services.evaluation.history_watch import HISTORY
from bandit_svc.services.managing.jobs import ID_BYTES, queue_trajectories
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.headline import headline_of
from bandit_svc.services.report.report import Report
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.overview import Headline

REFRESH_EVERY_S = 1.0
# Reports take at most this share of the learner's time, and of one tick so long: what
# waits to be learned would wait for them.
LARGEST_SHARE = 0.1
TURN_S = 0.05
# A headline without news is kept again so often: it shows that the learner lives.
KEPT_AGAIN_EVERY_MS = 30_000

OUTCOMES: Mapping[str, str] = {
    "rewards_accepted": "accepted",
    "rewards_duplicate": "duplicate",
    "rewards_conflict": "conflict",
    "rewards_corrected": "corrected",
    "rewards_late": "late",
    "rewards_orphan": "orphan",
    "rewards_after_retention": "after_retention",
    "rewards_uncorrected": "after_retention",
    "rewards_quarantined": "quarantined",
    **{
        f"rewards_{outcome}_{of}": outcome
        for outcome in ("clipped", "refused")
        for of in ("treatment", "baseline", "orphan")
    },
}

STEPS: tuple[Kind, ...] = ("started", "advanced", "rolled_back", "completed")
"""Of policy splits, that the service takes by itself."""

_log = logging.getLogger(__name__)


class _Shown(NamedTuple):
    """The last report of one experiment."""

    experiment: Experiment
    label: str
    headline: Headline
    series: set[Series]
    report: Report
    """The newest one, without its long parts, which are not read again."""

    def at(self, now_ms: int) -> Report:
        """Return the report as it would be now, if nothing has happened since."""
        age_s = self.report.model.age_seconds
        if age_s is None:
            return self.report
        age_s += max(0, now_ms - self.headline.as_of_ms) / 1000
        return replace(self.report, model=replace(self.report.model, age_seconds=age_s))


class Reporting:
    """Sets the metrics of one learner process."""

    def __init__(
        self,
        storage: Storage,
        reader: EventLogReader,
        *,
        publish_every_ms: int = 0,
        clock_s: Callable[[], float] = elapsed_s,
        every_s: float = REFRESH_EVERY_S,
        own: Callable[[Sequence[Experiment]], Sequence[Experiment]] = lambda all_: all_,
    ) -> None:
        """Report nothing yet.

        Args:
            storage: the service's.
            reader: of the log.
            publish_every_ms: milliseconds between two models of an experiment.
            clock_s: measures turns.
            every_s: seconds between two rounds.
            own: chooses the experiments that this learner reports.
        """
        self._own = own
        self._storage = storage
        self._publish_every_ms = publish_every_ms
        self._reader = reader
        self._clock_s = clock_s
        self._every_s = every_s
        self._labels: dict[int, str] = {}
        self._shown: dict[int, _Shown] = {}
        self._happened: set[int] = set()
        self._waiting: deque[Experiment] = deque()
        self._rest: set[Series] = set()
        self._kept_again_at_ms = 0
        self._due_s = 0.0

    def count(self, tick: Tick) -> None:
        """Add what a tick has ingested and joined to the counters.

        Note the experiments.
        """
        self._happened |= {number for number, _ in tick.ingested.counts}
        self._happened |= tick.stepped
        metrics.UNSCORED.set(sum(done.behind for done in tick.evaluated.values()))
        if tick.archive is not None:
            metrics.ARCHIVE_LAG.set(tick.archive.lag_s)
            failed = tick.archive.fault is not None
            metrics.DEGRADED.labels(ARCHIVE).set(failed)
        count_caps(tick)
        metrics.UNITS_FORGOTTEN.inc(tick.followed.forgotten)
        metrics.DAMAGED_FACTS.inc(sum(damage.facts for damage in tick.ingested.damages))
        for number, step in tick.split_steps.items():
            label = self._label(number)
            if label is not None:
                metrics.SPLIT_STEPS.labels(label, step.kind).inc()
        for counts in (tick.ingested.counts, tick.joined_counts):
            for (number, name), count in counts.items():
                if name in OUTCOMES:
                    label = self._label(number)
                    if label is not None:
                        metrics.REWARDS.labels(label, OUTCOMES[name]).inc(count)

    def refresh(self, now_ms: int) -> None:
        """Set the gauges, if they are due: a few experiments a turn."""
        begun_s = self._clock_s()
        if begun_s < self._due_s:
            return
        try:
            self._refresh(now_ms, begun_s + TURN_S)
        except Exception:  # noqa: BLE001 - logged, and tried again
            # The numbers of a graph are not worth a model.
            _log.exception("the metrics could not be refreshed")
            self._waiting.clear()
        pause_s = (self._clock_s() - begun_s) / LARGEST_SHARE
        if not self._waiting:
            pause_s = max(self._every_s, pause_s)
        self._due_s = begun_s + pause_s

    def _refresh(self, now_ms: int, deadline_s: float) -> None:
        backlog = self._reader.backlog_bytes(self._storage.facts.cursors())
        metrics.BACKLOG.set(backlog)
        damages = [one.damage for one in self._storage.damages.unacknowledged()]
        names = {reason.name for reason in damage_reasons(damages)}
        if self._reader.is_stream:
            show_stream(self._storage.facts.marks(), damages, now_ms)
        before_ms = unlearned_before_ms(now_ms, self._publish_every_ms)
        if self._storage.overview.unlearned_since(before_ms):
            names.add(MODELS)
        for name in (DAMAGE, UNREADABLE, MODELS):
            metrics.DEGRADED.labels(name).set(name in names)
        if not self._waiting:
            self._begin_round()
        headlines = []
        while self._waiting:
            headlines.append(self._report(self._waiting.popleft(), now_ms))
            if self._clock_s() >= deadline_s:
                break
        if not self._waiting:
            headlines += self._end_round(now_ms)
        if headlines:
            self._storage.overview.keep(headlines)

    def _begin_round(self) -> None:
        """Choose the experiments that get a new report: those with news."""
        experiments = self._storage.experiments.all()
        self._choose_labels(experiments)
        begin_caps(self._storage.programmes.all())
        own = self._own(experiments)
        for number in self._shown.keys() - {experiment.number for experiment in own}:
            # Another learner reports it now.
            _forget(self._shown.pop(number).series)
        for experiment in own:
            shown = self._shown.get(experiment.number)
            if (
                shown is None
                or experiment.number in self._happened
                or shown.experiment.revision != experiment.revision
                or shown.label != self._labels[experiment.number]
            ):
                self._waiting.append(experiment)
        self._happened.clear()

    def _report(self, experiment: Experiment, now_ms: int) -> Headline:
        """Make one report, and set its gauges or keep them for the rest."""
        number = experiment.number
        report = build_report(self._storage, experiment, now_ms)
        if any(c.name == HISTORY.name and c.status == "warn" for c in report.health):
            queue_trajectories(self._storage, experiment, urandom(ID_BYTES), now_ms)
        label = self._labels.get(number, metrics.OTHER)
        shown = _Shown(
            experiment=experiment,
            label=label,
            headline=headline_of(report, number, now_ms),
            series=set() if label == metrics.OTHER else set_all(report),
            report=replace(report, history=(), segments=(), policies=(), variants=()),
        )
        before = self._shown.get(number)
        if before is not None:
            _forget(before.series - shown.series)
        self._shown[number] = shown
        return shown.headline

    def _end_round(self, now_ms: int) -> list[Headline]:
        """Set the ages of models; return the headlines that are to be kept again."""
        rest = Rest()
        for shown in self._shown.values():
            report = shown.at(now_ms)
            if shown.label == metrics.OTHER:
                rest.add(report)
            else:
                age = metrics.MODEL_AGE.labels(shown.label)
                set_value(age, report.model.age_seconds)
        series = rest.set_gauges()
        _forget(self._rest - series)
        self._rest = series
        if 0 <= now_ms - self._kept_again_at_ms < KEPT_AGAIN_EVERY_MS:
            return []
        self._kept_again_at_ms = now_ms
        return [s.headline._replace(as_of_ms=now_ms) for s in self._shown.values()]

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
            for kind in STEPS:
                metrics.SPLIT_STEPS.labels(label, kind)


def _forget(series: Iterable[Series]) -> None:
    """Set vanished series to NaN: a label can't be removed in every process."""
    for gauge, labels in series:
        set_value(gauge.labels(*labels), None)
