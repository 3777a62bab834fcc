"""From a report to Prometheus' gauges.

Owns which number of a report is which gauge, and how the experiments beyond the cap of
labels share one.
"""

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Gauge

from bandit_svc import metrics
from bandit_svc.services.checks.check import Status
from bandit_svc.services.evaluation.labels import FIXED
from bandit_svc.services.report.report import GuardrailStatus, Report
from bandit_svc.services.values import PolicyRow

HEALTH_LEVELS: Mapping[Status, int] = {"ok": 0, "warn": 1, "fail": 2}
"""A check that is `early` has no level, and exports no sample."""
GUARDRAIL_LEVELS: Mapping[GuardrailStatus, int] = {
    "ok": 0,
    "undecided": 1,
    "breached": 2,
}

Series = tuple[Gauge, tuple[str, ...]]


class Rest:
    """The experiments beyond the cap of labels: their sum, and the worst of them.

    So alerts cover all of them; a mean or a version of many would mean nothing.
    """

    def __init__(self) -> None:
        self._values: dict[Series, float] = {}

    def add(self, report: Report) -> None:
        """Count one experiment in."""
        other = (metrics.OTHER,)
        pending: Series = (metrics.PENDING, other)
        count = self._values.get(pending, 0.0) + report.decisions.pending
        self._values[pending] = count
        lost: Series = (metrics.LOCAL_LOST, other)
        count = self._values.get(lost, 0.0) + report.decisions.local_lost
        self._values[lost] = count
        self._worsen((metrics.LEARNER_LAG, other), report.model.lag_seconds)
        self._worsen((metrics.MODEL_AGE, other), report.model.age_seconds)
        for gauge, (_, name), level in statuses(report):
            # The checks are ours; a metric's name is one experiment's own.
            shown = name if gauge is metrics.HEALTH else metrics.OTHER
            self._worsen((gauge, (metrics.OTHER, shown)), level)

    def set_gauges(self) -> set[Series]:
        """Set what was counted in; return the labels that were set."""
        for (gauge, labels), value in self._values.items():
            set_value(gauge.labels(*labels), value)
        return set(self._values)

    def _worsen(self, series: Series, value: float | None) -> None:
        if value is not None:
            self._values[series] = max(value, self._values.get(series, value))


def set_all(report: Report) -> set[Series]:
    """Set every gauge of one experiment; return the labels that were set."""
    values = {(metrics.POLICY_VALUE, one) for one in set_policy_values(report)}
    return set_gauges(report) | set_statuses(report) | values


def set_gauges(report: Report) -> set[Series]:
    """Set the gauges of one experiment from its report; return the labels set."""
    key = report.experiment
    model = report.model
    values: dict[Series, float | None] = {
        (metrics.PENDING, (key,)): report.decisions.pending,
        (metrics.LOCAL_LOST, (key,)): report.decisions.local_lost,
        (metrics.MODEL_VERSION, (key,)): model.version,
        (metrics.MODEL_AGE, (key,)): model.age_seconds,
        (metrics.LEARNER_LAG, (key,)): model.lag_seconds,
    }
    for group in report.groups:
        values[metrics.REWARD_MEAN, (key, group.group)] = group.mean
    kinds = {"absolute": report.uplift.absolute, "relative": report.uplift.relative}
    for kind, uplift in kinds.items():
        values[metrics.UPLIFT, (key, kind)] = uplift.estimate
        lower, upper = uplift.interval
        values[metrics.UPLIFT_BOUND, (key, kind, "lower")] = lower
        values[metrics.UPLIFT_BOUND, (key, kind, "upper")] = upper
    values |= _of_apprentice(report)
    for (gauge, labels), value in values.items():
        set_value(gauge.labels(*labels), value)
    return set(values)


def _of_apprentice(report: Report) -> dict[Series, float | None]:
    """Return the gauges of an apprentice; none of an experiment that was never one."""
    found, key = report.apprentice, report.experiment
    if found is None:
        return {}
    values: dict[Series, float | None] = {}
    for gauge, bound, one in (
        (metrics.AGREEMENT, metrics.AGREEMENT_BOUND, found.agreement),
        (
            metrics.APPRENTICE_DIFFERENCE,
            metrics.APPRENTICE_DIFFERENCE_BOUND,
            found.difference,
        ),
    ):
        values[gauge, (key,)] = one.estimate
        values[bound, (key, "lower")], values[bound, (key, "upper")] = one.interval
    return values


def set_statuses(report: Report) -> set[Series]:
    """Set the levels of checks and guardrails; return the labels that were set."""
    found: set[Series] = set()
    for gauge, labels, level in statuses(report):
        gauge.labels(*labels).set(level)
        found.add((gauge, labels))
    return found


def statuses(report: Report) -> Iterator[tuple[Gauge, tuple[str, str], int]]:
    """Yield the level of every tested check and declared metric.

    An archived experiment has none.
    """
    key = report.experiment
    if report.status == "archived":
        return
    for check in report.health:
        if check.status in HEALTH_LEVELS:
            yield metrics.HEALTH, (key, check.name), HEALTH_LEVELS[check.status]
    for row in report.metrics:
        # A name without a guardrail came with a request, and is no label.
        if row.guardrail is not None:
            level = GUARDRAIL_LEVELS[row.guardrail.status]
            yield metrics.GUARDRAIL, (key, row.metric), level


def set_policy_values(report: Report) -> set[tuple[str, str, str]]:
    """Set what other policies would have earned; return the labels that were set."""
    found = set()
    for row in _labelled_policies(report.policies):
        for estimator, one in row.estimates.items():
            labels = (report.experiment, row.policy, estimator)
            set_value(metrics.POLICY_VALUE.labels(*labels), one.estimate)
            found.add(labels)
    return found


def _labelled_policies(rows: Iterable[PolicyRow]) -> Iterator[PolicyRow]:
    """Leave out the fixed variants that have no label of their own."""
    fixed_count = 0
    for row in rows:
        is_fixed = row.policy.startswith(FIXED)
        fixed_count += is_fixed
        if not is_fixed or fixed_count <= metrics.MAX_VARIANTS:
            yield row


def set_value(gauge: Gauge, value: float | None) -> None:
    """Set a gauge; an unknown value is NaN, rather than zero."""
    gauge.set(math.nan if value is None else value)
