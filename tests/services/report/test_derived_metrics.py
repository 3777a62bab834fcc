"""Metrics that are computed: ratios, totals a unit, retention; chances and claims."""

from typing import Any

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.learning.uplift_sums import kept_uplift
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.metrics.rows import DerivedRow
from bandit_svc.services.report.report import Report
from tests.harness.service import SECOND_MS, Service

Json = dict[str, Any]
DAY_MS = 86_400 * SECOND_MS
ORDERS = {"name": "orders", "minimum": 0, "maximum": 1}
REVENUE = {"name": "revenue", "minimum": 0, "maximum": None}
BASKET = {
    "name": "basket",
    "kind": "ratio",
    "numerator": "revenue",
    "denominator": "orders",
}
PERSON = {"name": "person", "kind": "per_unit", "of": "revenue"}
AGAIN = {"name": "again", "kind": "retention", "days": 7}
SHOP: Json = {
    "holdout": 0.5,
    "policy": {"kind": "fixed", "variant": "b"},
    "exploration_floor": 0.0,
    "metrics": [ORDERS, REVENUE],
}


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def row_of(service: Service, name: str) -> DerivedRow:
    rows = {row.metric: row for row in report_of(service).derived_metrics}
    return rows[name]


def shop(service: Service, units: int, visits: int = 2) -> dict[str, list[float]]:
    """Let units come and buy; return revenue, orders and units of each group.

    Each group's orders are of one size, so that its revenue an order is known.
    """
    sums = {group: [0.0, 0.0, 0.0] for group in ("treatment", "baseline")}
    for visit in range(visits):
        for unit in range(units):
            service.now_ms += 1
            decided = service.decide(unit_id=f"u{unit}")
            mine = sums[decided.decision.group]
            mine[2] += visit == 0
            if (unit + visit) % 3 == 0:
                value = 30.0 if decided.decision.group == "treatment" else 20.0
                value += unit % 2
                service.reward(decided, 1.0, metric="orders")
                service.reward(decided, value, metric="revenue")
                mine[0] += value
                mine[1] += 1
    service.mature()
    return sums


def test_a_ratio_divides_the_sums_of_each_group(service: Service) -> None:
    service.create(derived_metrics=[BASKET], **SHOP)
    sums = shop(service, 400)
    row = row_of(service, "basket")

    for group in row.groups:
        revenue, orders, _ = sums[group.group]
        assert group.mean == pytest.approx(revenue / orders)
        assert group.interval[0] is not None
        assert group.interval[0] < revenue / orders
    lower, upper = row.difference.interval
    assert lower is not None
    assert upper is not None
    assert lower < 10 < upper
    assert row.difference.estimate == pytest.approx(10, abs=0.2)
    assert row.relative.estimate == pytest.approx(0.5, abs=0.02)


def test_a_total_a_unit_counts_each_unit_once(service: Service) -> None:
    visits = {"name": "visits", "kind": "per_unit", "of": "decisions"}
    service.create(derived_metrics=[PERSON, visits], **SHOP)
    sums = shop(service, 300, visits=3)
    row = row_of(service, "person")
    treatment, baseline = (sums[group.group] for group in row.groups)

    for group in row.groups:
        revenue, _, units = sums[group.group]
        assert group.units == units
        assert group.mean == pytest.approx(revenue / units)
    assert row.difference.estimate == pytest.approx(
        treatment[0] / treatment[2] - baseline[0] / baseline[2]
    )
    assert [group.mean for group in row_of(service, "visits").groups] == [3, 3]


def test_a_ratio_over_decisions_is_the_mean_of_its_metric(service: Service) -> None:
    rate = {
        "name": "rate",
        "kind": "ratio",
        "numerator": "orders",
        "denominator": "decisions",
    }
    service.create(derived_metrics=[rate], **SHOP)
    shop(service, 200)
    report = report_of(service)
    guardrail = next(row.guardrail for row in report.metrics if row.metric == "orders")

    assert guardrail is not None
    assert report.derived_metrics[0].difference == guardrail.difference


def test_a_group_without_a_denominator_has_a_dash_and_a_reason(
    service: Service,
) -> None:
    service.create(derived_metrics=[BASKET], **SHOP)
    for unit in range(300):
        decided = service.decide(unit_id=f"u{unit}")
        if decided.decision.group == "treatment":
            service.reward(decided, 1.0, metric="orders")
            service.reward(decided, 9.0, metric="revenue")
    service.mature()
    row = row_of(service, "basket")
    treatment, baseline = row.groups

    assert treatment.mean == 9
    assert (baseline.mean, baseline.interval) == (None, (None, None))
    assert baseline.reason == (
        "the baseline has no units with orders yet: nothing to divide by"
    )
    assert row.difference.estimate is None
    assert row.difference.reason == baseline.reason


def test_retention_counts_units_whose_days_have_passed(service: Service) -> None:
    """Let two thirds of 300 units come again after five days, a third after nine."""
    service.create(derived_metrics=[AGAIN], **SHOP)
    groups = {f"u{i}": service.decide(unit_id=f"u{i}") for i in range(300)}
    service.now_ms += 5 * DAY_MS
    for i in range(200):
        service.decide(unit_id=f"u{i}")
    service.mature()
    assert row_of(service, "again").waiting == 300
    assert row_of(service, "again").groups[0].mean is None

    service.now_ms += 4 * DAY_MS
    for i in range(200, 310):
        service.decide(unit_id=f"u{i}")
    service.mature()
    row = row_of(service, "again")

    assert row.waiting == 10
    for group in row.groups:
        mine = [u for u, d in groups.items() if d.decision.group == group.group]
        returned = sum(int(unit[1:]) < 200 for unit in mine)
        assert group.units == len(mine)
        assert group.mean == pytest.approx(returned / len(mine))
    assert row.difference.interval[0] is not None


def test_a_reload_is_no_return_where_hours_are_asked_for(service: Service) -> None:
    later = AGAIN | {"name": "later", "after_hours": 1}
    service.create(derived_metrics=[AGAIN, later], **SHOP)
    for after_ms in (0, SECOND_MS, 9 * DAY_MS):
        service.now_ms += after_ms
        for i in range(200):
            service.decide(unit_id=f"u{i}")
    service.mature()

    assert [group.mean for group in row_of(service, "again").groups] == [1, 1]
    assert [group.mean for group in row_of(service, "later").groups] == [0, 0]


def test_retention_is_by_the_first_group_when_the_holdout_changes(
    service: Service,
) -> None:
    service.create(derived_metrics=[AGAIN], **SHOP)
    first = {f"u{i}": service.decide(unit_id=f"u{i}") for i in range(300)}
    service.change(holdout=0.1)
    service.now_ms += DAY_MS
    again = {unit: service.decide(unit_id=unit) for unit in first}
    service.now_ms += 9 * DAY_MS
    service.decide(unit_id="last")
    service.mature()
    groups = [one.decision.group for one in first.values()]

    assert groups != [one.decision.group for one in again.values()]
    assert [group.units for group in row_of(service, "again").groups] == [
        groups.count("treatment"),
        groups.count("baseline"),
    ]


@pytest.mark.parametrize("killed_every", [1, 37])
def test_a_killed_learner_and_a_rebuild_give_the_same_numbers(
    service: Service, killed_every: int
) -> None:
    """The sums begin anew in another layout, and come back to the same bytes."""
    service.create(derived_metrics=[BASKET, PERSON, AGAIN], **SHOP)
    for visit in range(150):
        service.now_ms += DAY_MS // 10
        decided = service.decide(unit_id=f"u{visit % 60}")
        service.reward(decided, 1.0, metric="orders")
        service.reward(decided, 5.0 + visit % 7, metric="revenue")
        if visit % killed_every == 0:
            service.learner = service.new_learner()
            service.mature()
    service.mature()
    kept, rows = kept_uplift(service.storage.joins, 1), report_of(service)
    service.change(derived_metrics=[])
    service.mature()
    service.change(derived_metrics=[BASKET, PERSON, AGAIN])
    service.mature()
    anew = kept_uplift(service.storage.joins, 1)

    assert kept is not None
    assert anew is not None
    assert (anew.totals, anew.returns, anew.position) == (
        kept.totals,
        kept.returns,
        kept.position,
    )
    assert report_of(service).derived_metrics == rows.derived_metrics


def test_a_metric_declared_later_counts_from_the_first_decision(
    service: Service,
) -> None:
    service.create(**SHOP)
    sums = shop(service, 200)
    service.change(derived_metrics=[BASKET, AGAIN])
    assert row_of(service, "basket").difference.reason == (
        "it is being computed from the log, from its first decision on"
    )
    service.mature()

    for group in row_of(service, "basket").groups:
        revenue, orders, _ = sums[group.group]
        assert group.mean == pytest.approx(revenue / orders)


def test_the_chance_to_beat_names_its_prior_and_is_no_interval(
    service: Service,
) -> None:
    service.create(derived_metrics=[BASKET], **SHOP)
    shop(service, 400)
    row = row_of(service, "basket")
    worse = row_of(service, "basket").chance_to_beat

    assert row.chance_to_beat.probability == pytest.approx(1, abs=1e-6)
    assert worse.anytime_valid is False
    assert "mean 0, standard deviation 30.0 % of the baseline's" in worse.prior
    assert worse.prior_scale == pytest.approx(0.3 * 20.5, abs=0.2)


def test_claims_are_over_all_metrics(service: Service) -> None:
    service.create(derived_metrics=[BASKET, AGAIN], **SHOP)
    shop(service, 400)
    found = report_of(service).claims

    assert found is not None
    names = [one.metric for one in found.metrics]
    assert names == ["reward", "orders", "revenue", "basket", "again"]
    assert found.names == ("basket",)
    basket = found.metrics[3]
    assert basket.difference == "higher"
    assert basket.e_value is not None
    assert basket.e_value >= 5 / 0.05
    assert found.metrics[4].e_value is None


RATIO = {"name": "r", "kind": "ratio", "numerator": "orders", "denominator": "revenue"}


@pytest.mark.parametrize(
    ("derived", "pointer"),
    [
        ([RATIO | {"name": "orders"}], "/derived_metrics/0/name"),
        ([RATIO | {"name": "units"}], "/derived_metrics/0/name"),
        ([RATIO, RATIO], "/derived_metrics/1/name"),
        ([RATIO | {"numerator": "clicks"}], "/derived_metrics/0/numerator"),
        ([RATIO | {"denominator": "orders"}], "/derived_metrics/0/denominator"),
        ([RATIO | {"denominator": "debts"}], "/derived_metrics/0/denominator"),
        ([PERSON | {"of": "debts"}], "/derived_metrics/0/of"),
        ([AGAIN | {"days": 0}], "/derived_metrics/0/days"),
        ([AGAIN | {"days": 400}], "/derived_metrics/0/days"),
        ([AGAIN | {"after_hours": 168}], "/derived_metrics/0/after_hours"),
        ([AGAIN | {"name": f"a{i}"} for i in range(5)], "/derived_metrics"),
        ([PERSON | {"name": f"p{i}"} for i in range(21)], "/derived_metrics"),
    ],
)
def test_a_derived_metric_that_can_not_be_computed_is_refused(
    service: Service, derived: list[Json], pointer: str
) -> None:
    debts = {"name": "debts", "minimum": -5, "maximum": 5}
    with pytest.raises(InvalidInput) as refused:
        service.create(metrics=[ORDERS, REVENUE, debts], derived_metrics=derived)
    assert [field.pointer for field in refused.value.fields] == [pointer]
