"""Rows of a table tell the time that they cover."""

from typing import Any

from bandit_svc.domain.times import timestamp
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import Period
from tests.harness.service import Service

UNIFORM: dict[str, Any] = {"policy": {"kind": "uniform"}, "exploration_floor": 0.1}
ABC = [{"key": key} for key in "abc"]
HOUR_MS = 3_600_000
GENEROUS_S = 120.0


def report_of(service: Service) -> Report:
    service.learner.drain(GENEROUS_S)
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def test_a_variant_that_was_added_midway_covers_the_second_half(
    service: Service,
) -> None:
    service.create(holdout=0.3, variants=ABC[:2], **UNIFORM)
    first = [decided.decision for decided in service.rounds(200)]
    service.mature()
    service.now_ms += HOUR_MS
    service.change(variants=ABC)
    second = [decided.decision for decided in service.rounds(200)]
    service.mature()
    report = report_of(service)
    treated = [d for d in first + second if d.group == "treatment"]

    def of(variant: str) -> Period:
        times = [d.decided_at_ms for d in treated if d.variant == variant]
        return Period(timestamp(min(times)), timestamp(max(times)))

    assert {row.variant: row.period for row in report.variants} == {
        key: of(key) for key in "abc"
    }
    policies = {row.policy: row.period for row in report.policies}
    # A fixed variant is evaluated on the decisions in which it was eligible, of both
    # groups.
    for label, made in (("fixed:c", second), ("fixed:a", first + second)):
        ends = made[0].decided_at_ms, made[-1].decided_at_ms
        assert policies[label] == Period(*map(timestamp, ends))


def test_a_group_covers_its_own_decisions(service: Service) -> None:
    service.create(holdout=0.0, **UNIFORM)
    service.rounds(50)
    service.mature()
    service.now_ms += HOUR_MS
    service.change(holdout=0.5)
    since = timestamp(service.now_ms)
    service.rounds(50)
    service.mature()
    treatment, baseline = (row.period.first for row in report_of(service).groups)

    assert treatment is not None
    assert baseline is not None
    assert treatment < since < baseline


def test_a_row_without_a_decision_has_a_reason_instead(service: Service) -> None:
    service.create(holdout=0.3, **UNIFORM)
    report = report_of(service)
    nothing = Period(None, None, "no decision counts yet")

    assert [row.period for row in report.groups] == [nothing, nothing]
    assert {row.period for row in report.variants} == {nothing}
    assert [row.period for row in report.policies] == [nothing] * len(report.policies)


def test_a_restarted_learner_keeps_the_periods(service: Service) -> None:
    service.create(holdout=0.0, **UNIFORM)
    begun = service.round().decision
    service.mature()
    service.now_ms += HOUR_MS
    service.learner = service.new_learner()
    ended = service.round().decision
    service.mature()
    ends = Period(timestamp(begun.decided_at_ms), timestamp(ended.decided_at_ms))

    assert {row.period for row in report_of(service).policies} == {ends}
