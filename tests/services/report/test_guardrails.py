"""Metrics that must not get worse: declared, compared with a margin, reported."""

from typing import Any

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from bandit_svc.services.serving.decide import Decided
from tests.harness.service import Service

Json = dict[str, Any]
FIXED: Json = {"policy": {"kind": "fixed", "variant": "b"}, "exploration_floor": 0.0}


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def decide(service: Service, count: int) -> list[Decided]:
    return [service.decide(unit_id=f"u{i}") for i in range(count)]


def is_treated(decided: Decided) -> bool:
    return decided.decision.group == "treatment"


@pytest.mark.parametrize(
    ("direction", "margin", "treated", "status"),
    [
        ("higher", 0.1, 0.0, "breached"),
        ("higher", 0.1, 1.0, "ok"),
        ("lower", 0.1, 1.0, "ok"),
        ("lower", 0.1, 2.0, "breached"),
        ("higher", 2.0, 0.0, "ok"),
        ("higher", 1.0, 0.0, "undecided"),
    ],
)
def test_a_guardrail_compares_the_difference_with_its_margin(
    service: Service, direction: str, margin: float, treated: float, status: str
) -> None:
    """The baseline has 1 a decision, so the differences are -1, 0 and 1 exactly."""
    metric = {"name": "calls", "minimum": 0, "maximum": 2, "margin": margin}
    service.create(holdout=0.5, metrics=[metric | {"direction": direction}], **FIXED)
    for decided in decide(service, 400):
        value = treated if is_treated(decided) else 1.0
        service.reward(decided, value, metric="calls")
    service.mature()
    rows = report_of(service).metrics

    guardrails = [row.guardrail for row in rows if row.guardrail]
    assert [one.status for one in guardrails] == [status, status]
    assert guardrails[0].difference.estimate == pytest.approx(treated - 1)


def test_an_undeclared_metric_has_means_and_no_guardrail(service: Service) -> None:
    service.create(holdout=0.0)
    service.reward(service.decide(), 3.0, metric="seconds")
    # From now on others than `calls` are refused; what has come is still reported.
    service.change(metrics=[{"name": "calls", "minimum": 0, "maximum": 1}])
    service.mature()
    rows = {(r.metric, r.group): r for r in report_of(service).metrics}

    assert rows["seconds", "treatment"].mean == 3.0
    assert rows["seconds", "treatment"].guardrail is None
    assert rows["calls", "baseline"].mean is None
    guardrail = rows["calls", "treatment"].guardrail
    assert guardrail is not None
    assert guardrail.status == "undecided"


def test_a_declared_metric_is_clipped_to_its_range(service: Service) -> None:
    service.create(holdout=0.0, metrics=[{"name": "calls", "minimum": 0, "maximum": 2}])
    decided = service.decide()
    for i in range(3):
        service.reward(decided, 1.0, metric="calls", reward_id=str(i))
    service.mature()

    assert report_of(service).metrics[0].total == 2.0


def test_a_breached_guardrail_stands_in_the_verdict(service: Service) -> None:
    metric = {"name": "calls", "minimum": 0, "maximum": 1}
    service.create(holdout=0.5, metrics=[metric], **FIXED)
    for decided in decide(service, 400):
        service.reward(decided, 1.0 if is_treated(decided) else 0.0)
        service.reward(decided, 0.0 if is_treated(decided) else 1.0, metric="calls")
    service.mature()
    verdict = report_of(service).verdict

    assert verdict.startswith("The bandit earns more than the baseline")
    assert "a guardrail is breached (calls)" in verdict


CALLS = {"name": "calls", "minimum": 0, "maximum": 1}


@pytest.mark.parametrize(
    ("metrics", "pointer"),
    [
        ([CALLS | {"name": "reward"}], "/metrics/0/name"),
        ([CALLS | {"name": ""}], "/metrics/0/name"),
        ([CALLS, CALLS], "/metrics/1/name"),
        ([CALLS | {"minimum": 0.5}], "/metrics/0/minimum"),
        ([CALLS | {"maximum": 0}], "/metrics/0/minimum"),
        ([CALLS | {"maximum": 1e10}], "/metrics/0/maximum"),
        ([CALLS | {"margin": -0.1}], "/metrics/0/margin"),
        ([CALLS | {"margin": 1.1}], "/metrics/0/margin"),
        ([CALLS | {"name": f"m{i}"} for i in range(21)], "/metrics"),
    ],
)
def test_a_metric_that_no_interval_can_be_made_for_is_refused(
    service: Service, metrics: list[Json], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        service.create(metrics=metrics)
    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_the_range_of_a_metric_stays_and_its_margin_may_change(
    service: Service,
) -> None:
    service.create(metrics=[CALLS])
    service.change(metrics=[CALLS | {"margin": 0.5}])
    with pytest.raises(InvalidInput, match="declare another metric"):
        service.change(metrics=[CALLS | {"maximum": 5}])
