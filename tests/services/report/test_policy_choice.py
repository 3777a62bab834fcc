"""The models of a policy that chooses among models, in the report and on its page."""

import pytest

from bandit_svc.cli.experiments.report_text import report_text
from bandit_svc.prose.memory import memory_sentence
from bandit_svc.prose.report_csv import report_rows
from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import PolicyMemory, Report
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


@pytest.mark.parametrize(
    ("policy", "effective"),
    [
        ({"kind": "vw"}, 60.0),
        ({"kind": "linear", "reset_every": 20}, 0.0),
        ({"kind": "auto"}, 60.0),
    ],
)
def test_the_report_has_the_memory_of_a_policy_that_learns(
    service: Service, policy: dict[str, str], effective: float
) -> None:
    service.create(policy=policy, holdout=0.0)
    come(service, 60)

    report = report_of(service)

    memory = report.policy_memory
    assert memory is not None
    assert memory.learned == 60
    assert memory.effective == pytest.approx(effective, abs=1e-9)
    assert (memory.changes, memory.last_change) == (0, None)
    said = memory_sentence(memory)
    assert said in report_html(report)
    assert said in report_text(report)
    rows = {row[2]: row[3] for row in report_rows(report) if row[0] == "model"}
    assert rows["effective_memory"] == pytest.approx(effective, abs=1e-9)


def test_a_policy_that_learns_nothing_remembers_nothing(service: Service) -> None:
    service.create(policy={"kind": "uniform"})
    come(service, 20)

    assert report_of(service).policy_memory is None


def test_changes_are_told_with_the_decisions_since() -> None:
    memory = PolicyMemory(20_000, 1_240.4, 3, 19_690)

    assert memory_sentence(memory) == (
        "Of 20,000 decisions that the model has learned about 1,240 count. It has "
        "found 3 changes of the rewards, the last one 310 decisions ago."
    )
