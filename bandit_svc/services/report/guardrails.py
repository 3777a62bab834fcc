"""Metrics that are reported and not learned from, and the guardrails among them.

Owns the report's `metrics`. A declared metric is a guardrail: the treatment's mean
may be worse than the baseline's by no more than its margin. The difference is by unit,
weighed as the uplift is; its interval holds at every look, each guardrail by itself.
"""

from collections.abc import Sequence

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import Group
from bandit_svc.domain.metric import Metric
from bandit_svc.domain.numbers import amount
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.services.report.metrics.declared import mean_chance
from bandit_svc.services.report.report import Guardrail, GuardrailStatus, MetricRow
from bandit_svc.services.report.uplift import GROUPS, Compared, difference
from bandit_svc.services.values import CONFIDENCE, Bounds, Estimated, estimated
from bandit_svc.storage.rows import Tally


def metrics(compared: Compared, tallies: Sequence[Tally]) -> tuple[MetricRow, ...]:
    """Return one row for each metric and group; `guardrail` is None if undeclared."""
    definition = compared.experiment.definition
    declared = {metric.name: metric for metric in definition.metrics}
    by_metric = _by_metric(tallies)
    main = by_metric.pop(MAIN_METRIC, [])
    joined = {group: _count(main, group) for group in GROUPS}
    for name in declared:
        by_metric.setdefault(name, [])
    rows: list[MetricRow] = []
    for name, own in sorted(by_metric.items()):
        moments = {group: _moments(own, group, joined[group]) for group in GROUPS}
        guardrail = _guardrail(declared[name], compared) if name in declared else None
        rows += [
            MetricRow(
                metric=name,
                group=group,
                n=sums.n,
                reported=_count(own, group),
                total=sums.total,
                mean=sums.mean if sums.n else None,
                guardrail=guardrail,
            )
            for group, sums in moments.items()
        ]
    return tuple(rows)


def _guardrail(metric: Metric, compared: Compared) -> Guardrail:
    found = _difference(metric, compared)
    status = _status(metric, found.interval)
    worse = "below" if metric.higher_is_better else "above"
    limit = f"{amount(metric.margin)} {worse} the baseline's"
    details: dict[GuardrailStatus, str] = {
        "ok": f"the bandit's mean is not more than {limit}",
        "breached": f"the bandit's mean is more than {limit}",
        "undecided": f"it is not known yet whether the bandit's mean is {limit}",
    }
    return Guardrail(
        status=status,
        direction=metric.direction,
        margin=metric.margin,
        difference=found,
        detail=details[status],
        chance_to_beat=mean_chance(
            compared,
            found,
            compared.layout.value(metric.name) or 0,
            higher_is_better=metric.higher_is_better,
        ),
    )


def _difference(metric: Metric, compared: Compared) -> Estimated:
    value = compared.layout.value(metric.name)
    if value is None or not compared.has_both:
        return estimated(None, reason=compared.nothing)
    possible = compared.layout.possible_of(metric.minimum, metric.maximum, value)
    weighting = compared.headline.weighting
    found = by_unit.absolute(compared.totals, weighting, CONFIDENCE, possible)
    return difference(compared, found.now, possible)


def _status(metric: Metric, interval: Bounds) -> GuardrailStatus:
    """Compare the possible differences with the margin, in the metric's direction."""
    lower, upper = interval
    if lower is None or upper is None:
        return "undecided"
    if not metric.higher_is_better:
        # Worse is above; with the signs swapped it is below, as for the others.
        lower, upper = -upper, -lower
    if upper < -metric.margin:
        return "breached"
    return "ok" if lower > -metric.margin else "undecided"


def _by_metric(tallies: Sequence[Tally]) -> dict[str, list[Tally]]:
    found: dict[str, list[Tally]] = {}
    for tally in tallies:
        found.setdefault(tally.metric, []).append(tally)
    return found


def _moments(tallies: Sequence[Tally], group: Group, joined: int) -> Moments:
    """Return the sums of one metric over all joined decisions of a group.

    A decision without a report counts as 0.
    """
    mine = [t for t in tallies if t.group == group]
    return Moments(
        joined,
        sum(t.total for t in mine),
        sum(t.total_squares for t in mine),
    )


def _count(tallies: Sequence[Tally], group: Group) -> int:
    return sum(t.n for t in tallies if t.group == group)
