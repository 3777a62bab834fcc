"""A report as rows.

Owns the flat form of a report: section, name, measure, value.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol

from msgspec.structs import asdict

from bandit_svc.domain.experiment import TREATMENT
from bandit_svc.prose.csv_text import Cell, csv_text
from bandit_svc.services.checks.check import Check
from bandit_svc.services.report.metrics.rows import DerivedRow
from bandit_svc.services.report.report import (
    HistoryPoint,
    Latency,
    MetricRow,
    Report,
    Segment,
    Uplift,
)
from bandit_svc.services.values import ONE_STEP, Bounds, Estimated, Period, PolicyRow

Row = tuple[str, str, str, Cell]
HEADER = ("section", "name", "measure", "value")


class _Mean(Protocol):
    """A row of a report that has a mean."""

    @property
    def n(self) -> int: ...
    @property
    def mean(self) -> float | None: ...
    @property
    def interval(self) -> Bounds: ...


def report_rows(report: Report) -> Iterator[Row]:
    """Yield one row for each number of a report."""
    yield ("report", report.experiment, "as_of", report.as_of)
    yield ("report", report.experiment, "verdict", report.verdict)
    if report.made is not None:
        yield ("range", "made", "from", report.made.since or "")
        yield ("range", "made", "to", report.made.until or "")
    for name, value in _counts(report).items():
        yield ("decisions", name, "count", value)
    yield from _uplift(report.uplift)
    for group in report.groups:
        yield ("groups", group.group, "n", group.n)
        yield from _times("groups", group.group, group.period)
        yield ("groups", group.group, "units", group.units)
        yield from _mean("groups", group.group, group)
    for variant in report.variants:
        yield ("variants", variant.variant, "n", variant.n)
        yield ("variants", variant.variant, "units", variant.units)
        yield from _times("variants", variant.variant, variant.period)
        yield ("variants", variant.variant, "share", variant.share)
        yield from _mean("variants", variant.variant, variant)
        yield from _estimates("variants", variant.variant, {"ips": variant.ips})
    yield from _apprentice(report)
    for policy in report.policies:
        yield from _policy(policy)
    for row in report.metrics:
        yield from _metric(row)
    yield from _derived_metrics(report)
    for segment in report.segments:
        yield from _segment(segment)
    for point in report.history:
        yield from _point(point)
    if report.made is None:
        yield from _of_the_whole_log(report)


def _apprentice(report: Report) -> Iterator[Row]:
    found = report.apprentice
    if found is None:
        return
    yield ("apprentice", found.mode, "n", found.decisions)
    yield ("apprentice", found.mode, "recent", found.recent)
    yield from _estimate("apprentice", "agreement", found.agreement)
    yield from _estimate("apprentice", "policy", found.policy)
    yield from _estimate("apprentice", "shown", found.shown)
    yield from _estimate("apprentice", "difference", found.difference)


def _counts(report: Report) -> dict[str, int]:
    """Return the counts of decisions; of a range only those that it has."""
    counts: dict[str, int] = asdict(report.decisions)
    if report.made is None:
        return counts
    return {name: counts[name] for name in ("treatment", "baseline", "joined")}


def _of_the_whole_log(report: Report) -> Iterator[Row]:
    """Yield what a report of a range does not have."""
    yield ("reward_model", "treatment", "n", report.reward_model.n)
    yield ("reward_model", "treatment", "r_squared", report.reward_model.r_squared)
    yield from _latency(report.latency)
    model = report.model
    yield ("model", "served", "version", model.version)
    yield ("model", "served", "learned", model.learned)
    yield ("model", "served", "age_seconds", model.age_seconds)
    yield ("model", "served", "lag_seconds", model.lag_seconds)
    if report.thinning is not None:
        yield ("model", "served", "learn_share", report.thinning.learn_share)
        yield ("model", "served", "evaluate_share", report.thinning.evaluate_share)
    memory = report.policy_memory
    if memory is not None:
        yield ("model", "served", "effective_memory", memory.effective)
        yield ("model", "served", "changes", memory.changes)
    for check in report.health:
        yield from _checked(check)


def report_csv(report: Report) -> str:
    """Return a report as CSV with a header line; an unknown number is an empty cell."""
    return csv_text(HEADER, report_rows(report))


def _uplift(uplift: Uplift) -> Iterator[Row]:
    yield from _estimate("uplift", "absolute", uplift.absolute)
    yield from _estimate("uplift", "relative", uplift.relative)
    yield from _estimate("uplift", "randomised.absolute", uplift.randomised.absolute)
    yield from _estimate("uplift", "randomised.relative", uplift.randomised.relative)
    if uplift.one_step:
        yield from _estimate("uplift", "one_step.absolute", uplift.one_step.absolute)
        yield from _estimate("uplift", "one_step.relative", uplift.one_step.relative)
    if uplift.former:
        yield from _estimate("uplift", "former.absolute", uplift.former.absolute)
        yield from _estimate("uplift", "former.relative", uplift.former.relative)
        yield ("uplift", "former", "changed_at", uplift.former.changed_at)
    if uplift.chance_to_beat:
        chance = uplift.chance_to_beat.probability
        yield ("uplift", "chance_to_beat", "probability", chance)
        yield ("uplift", "chance_to_beat", "prior", uplift.chance_to_beat.prior)
    yield ("uplift", "units", "treatment", uplift.units.treatment)
    yield ("uplift", "units", "baseline", uplift.units.baseline)
    yield ("uplift", "method", "name", uplift.method)
    adjusted = uplift.adjusted
    if adjusted:
        yield ("uplift", "adjusted", "estimate", adjusted.estimate)
        yield from _ends("uplift", "adjusted", adjusted.interval)
        yield ("uplift", "adjusted", "covariate", adjusted.covariate)
        yield ("uplift", "adjusted", "variance_reduction", adjusted.variance_reduction)
        yield ("uplift", "adjusted", "n", adjusted.n)
        yield ("uplift", "adjusted", "missing", adjusted.missing)


def _point(point: HistoryPoint) -> Iterator[Row]:
    yield ("history", point.at, "joined", point.joined)
    yield ("history", point.at, "treatment", point.treatment)
    yield ("history", point.at, "baseline", point.baseline)
    yield from _estimate("history", point.at, point.uplift)


def _metric(row: MetricRow) -> Iterator[Row]:
    name = f"{row.metric}/{row.group}"
    yield ("metrics", name, "n", row.n)
    yield ("metrics", name, "reported", row.reported)
    yield ("metrics", name, "total", row.total)
    yield ("metrics", name, "mean", row.mean)
    guardrail = row.guardrail
    if guardrail is not None and row.group == TREATMENT:
        yield ("guardrails", row.metric, "status", guardrail.status)
        yield ("guardrails", row.metric, "margin", guardrail.margin)
        yield ("guardrails", row.metric, "direction", guardrail.direction)
        yield from _estimate("guardrails", row.metric, guardrail.difference)


def _derived_metrics(report: Report) -> Iterator[Row]:
    for row in report.derived_metrics:
        yield from _derived(row)
    for claim in report.claims.metrics if report.claims else ():
        yield ("claims", claim.metric, "e_value", claim.e_value)
        yield ("claims", claim.metric, "claimed", str(claim.claimed).lower())


def _derived(row: DerivedRow) -> Iterator[Row]:
    for group in row.groups:
        name = f"{row.metric}/{group.group}"
        yield ("derived_metrics", name, "units", group.units)
        yield ("derived_metrics", name, "mean", group.mean)
        yield from _ends("derived_metrics", name, group.interval)
    yield ("derived_metrics", row.metric, "kind", row.kind)
    yield from _estimate("derived_metrics", row.metric, row.difference)
    yield ("derived_metrics", row.metric, "relative", row.relative.estimate)
    lower, upper = row.relative.interval
    yield ("derived_metrics", row.metric, "relative_lower", lower)
    yield ("derived_metrics", row.metric, "relative_upper", upper)
    chance = row.chance_to_beat.probability
    yield ("derived_metrics", row.metric, "chance_to_beat", chance)
    yield ("derived_metrics", row.metric, "waiting", row.waiting)


def _segment(row: Segment) -> Iterator[Row]:
    section = "segments/folded" if row.folded else "segments"
    name = f"{row.key}={row.value}"
    for group in row.groups:
        yield (section, name, f"n/{group.group}", group.n)
        yield (section, name, f"units/{group.group}", group.units)
        yield (section, name, f"mean/{group.group}", group.mean)
    yield from _estimate(section, name, row.uplift)
    yield (section, name, "significant", row.significant)


def _latency(latency: Latency) -> Iterator[Row]:
    yield ("latency", "reward", "rewards", latency.rewards)
    yield ("latency", "reward", "late", latency.late)
    yield ("latency", "reward", "late_share", latency.late_share)
    yield ("latency", "reward", "window_seconds", latency.window_seconds)
    yield ("latency", "reward", "detail", latency.detail)
    for window in latency.windows:
        yield ("latency", f"window for {window.share:.0%}", "seconds", window.seconds)


def _checked(check: Check) -> Iterator[Row]:
    yield ("health", check.name, "status", check.status)
    yield ("health", check.name, "detail", check.detail)
    if "p_value" in check.numbers:
        yield ("health", check.name, "p_value", check.numbers["p_value"])


def _policy(row: PolicyRow) -> Iterator[Row]:
    # A policy may have a row of each estimand.
    section = "policies" if row.estimand == ONE_STEP else f"policies/{row.estimand}"
    yield (section, row.policy, "estimand", row.estimand)
    yield (section, row.policy, "n", row.n)
    yield (section, row.policy, "behind", row.behind or 0)
    if row.period:
        yield from _times(section, row.policy, row.period)
    yield (section, row.policy, "effective_sample_size", row.effective_sample_size)
    yield (section, row.policy, "mean_weight", row.mean_weight)
    yield (section, row.policy, "max_weight", row.max_weight)
    yield (section, row.policy, "refused", row.refused)
    yield from _estimates(section, row.policy, row.estimates)


def _mean(section: str, name: str, row: _Mean) -> Iterator[Row]:
    yield (section, name, "mean", row.mean)
    yield from _ends(section, name, row.interval)


def _estimate(section: str, name: str, one: Estimated) -> Iterator[Row]:
    yield (section, name, "estimate", one.estimate)
    yield from _ends(section, name, one.interval)


def _times(section: str, name: str, period: Period) -> Iterator[Row]:
    yield (section, name, "first", period.first)
    yield (section, name, "last", period.last)


def _ends(section: str, name: str, interval: Bounds) -> Iterator[Row]:
    yield (section, name, "lower", interval[0])
    yield (section, name, "upper", interval[1])


def _estimates(
    section: str, name: str, estimates: Mapping[str, Estimated]
) -> Iterator[Row]:
    for estimator, one in estimates.items():
        yield (section, name, estimator, one.estimate)
        yield (section, name, f"{estimator}_lower", one.interval[0])
        yield (section, name, f"{estimator}_upper", one.interval[1])
