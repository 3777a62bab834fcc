"""The registry of a report's checks: one order, one title, one advice for each."""

import pytest

from bandit_svc.services.checks.check import Check, check_json, tally
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.checks import REPORT_CHECKS
from tests.harness.service import Service


def checks_of(service: Service) -> tuple[Check, ...]:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms).health


def test_the_report_has_every_check_in_the_order_of_the_registry(
    service: Service,
) -> None:
    service.create()
    kinds = [one.kind for one in REPORT_CHECKS]

    assert [check.name for check in checks_of(service)] == [k.name for k in kinds]
    assert [check.title for check in checks_of(service)] == [k.title for k in kinds]
    assert len({kind.name for kind in kinds}) == len(kinds)
    assert all(kind.title and kind.advice for kind in kinds)


def test_with_no_decision_only_the_definition_can_be_checked(service: Service) -> None:
    service.create(holdout=0.3)
    service.learner_lives()
    statuses = {check.name: check.status for check in checks_of(service)}

    assert {name for name, status in statuses.items() if status != "early"} == {
        "learn_on",
        "sticky_window",
    }
    assert statuses["learn_on"] == "ok"
    assert tally(checks_of(service)) == "2 ok, 17 too early"


def test_a_learner_that_died_while_nothing_waited_is_not_ok(service: Service) -> None:
    service.create()
    service.rounds(20)
    service.mature()
    (alive,) = (c for c in checks_of(service) if c.name == "learner")
    service.now_ms += 61_000
    # This one is in the event log alone: nobody reads it, so that nothing waits.
    service.decide()
    (dead,) = (c for c in checks_of(service) if c.name == "learner")

    assert alive.status == "ok"
    assert dead.status == "warn"
    assert "the learner has stored nothing for 61 s" in dead.detail
    assert "What has come since then is not in these numbers" in dead.detail


def test_what_has_happened_is_tested(service: Service) -> None:
    service.create(holdout=0.5, policy={"kind": "uniform"})
    for _ in range(3):
        service.rounds(200)
        service.mature()
    statuses = {check.name: check.status for check in checks_of(service)}

    # Drift needs 1,000 decisions, histories units that come back.
    assert [name for name, status in statuses.items() if status == "early"] == [
        "context_drift",
        "history",
    ]


@pytest.mark.parametrize("name", [one.kind.name for one in REPORT_CHECKS])
def test_a_check_that_is_too_early_says_why(service: Service, name: str) -> None:
    service.create(holdout=0.3)
    (check,) = (one for one in checks_of(service) if one.name == name)

    if check.status == "early":
        assert check.detail.startswith(("not tested: ", "not compared: "))


def test_the_json_of_a_check_has_its_numbers_beside_its_name(service: Service) -> None:
    service.create(holdout=0.5)
    service.rounds(50)
    service.mature()
    (ratio,) = (one for one in checks_of(service) if one.name == "sample_ratio")

    assert check_json(ratio) == {
        "check": "sample_ratio",
        "status": "ok",
        "detail": ratio.detail,
        "p_value": ratio.numbers["p_value"],
    }
