"""Where decisions change later ones, the report shows what policies earn deployed."""

from typing import Any

import pytest

from bandit_svc.learner.job_kinds import JOB_KINDS
from bandit_svc.learner.reporting import Reporting
from bandit_svc.prose.report_csv import report_rows
from bandit_svc.prose.report_html.page import report_html
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.evaluation.history_watch import ONE_STEP_NOTE
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.managing.jobs import run_job
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.deployed import always_shown
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import NOT_ESTIMATED
from bandit_svc.storage.jobs import EVALUATION
from tests.harness.service import Service

POPUP: dict[str, Any] = {
    "variants": [{"key": "none"}, {"key": "popup"}],
    "policy": {"kind": "weighted", "weights": {"none": 3, "popup": 1}},
    "exploration_floor": 0.3,
    "holdout": 0.1,
}


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def come(service: Service, first: int, units: int) -> None:
    """Let units come three times each; the pop-up is shown at most once."""
    seen: set[int] = set()
    for _ in range(3):
        for unit in range(first, first + units):
            exclude = ("popup",) if unit in seen else ()
            decided = service.decide(unit_id=f"u{unit}", exclude=exclude)
            if decided.decision.variant == "popup":
                seen.add(unit)
                service.reward(decided)
        service.now_ms += 1_000
        service.mature()


@pytest.fixture
def capped(service: Service) -> Service:
    service.create(**POPUP)
    come(service, 0, 300)
    return service


def refreshed(service: Service) -> None:
    """Make the gauges' reports, as the learner does once a second."""
    reporting = Reporting(service.storage, service.backends.reader)
    service.now_ms += 60_000
    reporting.count(service.learner.tick())
    reporting.refresh(service.now_ms)


def work(service: Service) -> bool:
    return run_job(service.storage, JOB_KINDS, lambda: service.now_ms)


def test_always_shown_has_no_number_of_one_changed_decision(capped: Service) -> None:
    assert set(always_shown(report_of(capped)).values()) == {NOT_ESTIMATED}


def test_always_shown_is_the_number_of_the_policys_row(service: Service) -> None:
    service.create(holdout=0.3, exploration_floor=0.6)
    service.rounds(300)
    service.mature()
    report = report_of(service)
    rows = {row.policy: row for row in report.policies}

    for variant, found in always_shown(report).items():
        assert found == rows[f"fixed:{variant}"].shown[1] != NOT_ESTIMATED


def test_one_step_rows_say_why_they_are_not_what_a_policy_earns(
    capped: Service,
) -> None:
    report = report_of(capped)
    page = report_html(report)

    assert {row.note for row in report.policies} == {ONE_STEP_NOTE}
    assert ONE_STEP_NOTE in page
    assert "whisker weak faded" in page


def test_the_learner_asks_for_values_along_histories_and_they_come_first(
    capped: Service,
) -> None:
    refreshed(capped)
    done = work(capped)
    report = report_of(capped)
    along = [row for row in report.policies if row.estimand == "trajectory"]
    names = [row.policy for row in report.policies]

    assert done
    assert report.policies[: len(along)] == tuple(along)
    assert [row.policy for row in along] == names[len(along) :]
    values = {row.policy: row.estimates["pdis"].estimate for row in along}
    # Deployed, the pop-up is seen once in three visits, for a reward of 1.
    assert values["fixed:popup"] == pytest.approx(1 / 3)
    assert values["fixed:none"] == 0
    assert "fixed:popup, deployed" in report_html(report)
    cells = {
        (section, name, measure) for section, name, measure, _ in report_rows(report)
    }
    assert ("policies/trajectory", "fixed:popup", "n") in cells
    assert len(cells) == len(list(report_rows(report)))


def test_it_is_asked_for_again_only_when_the_log_has_grown(capped: Service) -> None:
    def asked() -> int:
        return len(capped.storage.jobs.all(1, EVALUATION))

    refreshed(capped)
    refreshed(capped)
    waiting = asked()
    work(capped)
    come(capped, 1_000, 10)
    refreshed(capped)
    little = asked()
    come(capped, 2_000, 100)
    refreshed(capped)

    assert (waiting, little, asked()) == (1, 1, 2)


def test_an_evaluation_on_demand_has_the_note_and_the_check(capped: Service) -> None:
    experiment = capped.storage.experiments.get("hero")
    specs = asked_specs(experiment.definition, ["uniform"])
    found = evaluate(capped.storage, experiment, specs)
    (check,) = (c for c in found.health if c.name == "history")

    assert check.status == "warn"
    assert found.policies[0].note == ONE_STEP_NOTE


def test_without_such_histories_no_row_has_a_note(service: Service) -> None:
    service.create(holdout=0.1)
    service.rounds(300)
    service.mature()
    refreshed(service)

    assert not any(row.note for row in report_of(service).policies)
    assert service.storage.jobs.all(1, EVALUATION) == []
