"""The models of a policy that chooses among models, in the report and on its page."""

import pytest

from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from tests.harness.service import Service


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def come(service: Service, units: int) -> None:
    for unit in range(units):
        decided = service.decide(unit_id=f"u{unit}")
        if unit % 3 == 0:
            service.reward(decided)
    service.now_ms += 1_000
    service.mature()


def test_the_report_has_the_weight_and_the_error_of_each_model(
    service: Service,
) -> None:
    service.create(policy={"kind": "auto"})
    come(service, 60)

    report = report_of(service)

    choice = report.policy_choice
    assert choice is not None
    assert sum(row.weight for row in choice.evidence) == pytest.approx(1.0)
    heaviest = max(choice.evidence, key=lambda row: row.weight)
    assert choice.serving == heaviest.policy
    lower, upper = heaviest.interval
    assert heaviest.estimate is not None
    assert lower is not None
    assert upper is not None
    assert lower < heaviest.estimate < upper
    assert "Which model does the bandit follow?" in report_html(report)


@pytest.mark.parametrize("policy", [{"kind": "linear"}, {"kind": "uniform"}])
def test_a_policy_that_does_not_choose_has_no_choice(
    service: Service, policy: dict[str, str]
) -> None:
    service.create(policy=policy)
    come(service, 20)

    assert report_of(service).policy_choice is None


def test_nothing_is_chosen_before_a_model_is_published(service: Service) -> None:
    service.create(policy={"kind": "auto"})

    assert report_of(service).policy_choice is None
