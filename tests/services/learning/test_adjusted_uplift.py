"""The uplift adjusted by a declared covariate, from decisions to the report."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import UNSET

from bandit_svc.errors import InvalidInput
from bandit_svc.prose.report_csv import report_rows
from bandit_svc.services.learning.adjusted_uplift import AdjustedUplift
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from tests.harness.service import Service

Json = dict[str, Any]
SPEND: Json = {"key": "user.past_spend", "minimum": 0, "maximum": 100}
FIXED: Json = {"policy": {"kind": "fixed", "variant": "b"}, "exploration_floor": 0.0}


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def adjusted(service: Service) -> AdjustedUplift:
    found = report_of(service).uplift.adjusted
    assert isinstance(found, AdjustedUplift)
    return found


def play(service: Service, count: int) -> None:
    """Reward by past spend, and half as much again in the treatment group."""
    for _ in range(count):
        service.now_ms += 1
        spend = service.random.random() * 100
        context = {"user": {"past_spend": spend}}
        decided = service.decide(unit_id=str(service.random.random()), context=context)
        more = 1.5 if decided.decision.group == "treatment" else 1.0
        service.reward(decided, spend / 200 * more)


def test_the_report_has_the_adjusted_uplift_beside_the_plain_one(
    service: Service,
) -> None:
    service.create(holdout=0.5, covariate=SPEND, **FIXED)
    play(service, 900)
    service.mature()
    report = report_of(service)
    found, plain = adjusted(service), report.uplift.absolute
    lower, upper = found.interval

    assert (found.covariate, found.n, found.missing) == (SPEND["key"], 900, 0)
    # The mean spend of 50 earns 0.25, and 0.375 in the treatment group.
    assert found.estimate == pytest.approx(0.125, abs=0.02)
    assert lower is not None
    assert upper is not None
    assert lower < 0.125 < upper
    assert (found.variance_reduction or 0.0) > 0.8
    assert plain.estimate != found.estimate
    assert "Adjusted for user.past_spend the difference is" in report.verdict
    rows = {row[1:3]: row[3] for row in report_rows(report) if row[0] == "uplift"}
    assert rows["adjusted", "estimate"] == found.estimate


def test_once_a_unit_has_come_back_it_is_unknown_with_the_reason(
    service: Service,
) -> None:
    service.create(holdout=0.5, covariate=SPEND, **FIXED)
    play(service, 300)
    service.reward(service.decide(unit_id="back", context={"user": {"past_spend": 1}}))
    service.mature()
    before = adjusted(service)
    service.reward(service.decide(unit_id="back", context={"user": {"past_spend": 1}}))
    service.mature()
    after = adjusted(service)

    assert before.estimate is not None
    assert (after.estimate, after.interval) == (None, (None, None))
    assert "units come back" in str(after.reason)
    assert (after.n, after.missing) == (302, 0)


def test_without_a_covariate_there_is_none(service: Service) -> None:
    service.create(**FIXED)
    play(service, 20)
    service.mature()

    assert report_of(service).uplift.adjusted is UNSET
    assert service.storage.joins.adjusted(1) is None


def test_a_missing_covariate_is_counted(service: Service) -> None:
    service.create(holdout=0.5, covariate=SPEND, **FIXED)
    contexts: list[Json] = [{}, {"user": {}}, {"user": {"past_spend": "much"}}]
    for context in contexts:
        service.decide(context=context)
    service.decide(context={"user.past_spend": 7})
    service.mature()

    assert (adjusted(service).n, adjusted(service).missing) == (4, 3)


def test_a_changed_covariate_starts_anew_and_a_changed_text_does_not(
    service: Service,
) -> None:
    service.create(holdout=0.5, covariate=SPEND, **FIXED)
    play(service, 50)
    service.mature()
    service.change(description="the same")
    play(service, 50)
    service.mature()
    before = adjusted(service).n
    service.change(covariate={"maximum": 50})
    at_once = adjusted(service).n
    play(service, 30)
    service.mature()

    assert (before, at_once, adjusted(service).n) == (100, 0, 30)


def test_decisions_without_a_holdout_do_not_count(service: Service) -> None:
    service.create(holdout=0.0, covariate=SPEND, **FIXED)
    play(service, 20)
    service.mature()
    none = adjusted(service).n
    service.change(holdout=0.5)
    play(service, 20)
    service.mature()
    service.change(holdout=0.2)
    play(service, 10)
    service.mature()

    # A baseline of 20 % is rarer than the sums since the 50 % allow for.
    assert (none, adjusted(service).n) == (0, 10)


def test_restarts_and_batches_leave_the_same_state_to_the_last_bit(
    new_service: Callable[[str], Service],
) -> None:
    states = []
    for name, ticks in (("often", True), ("once", False)):
        service = new_service(name)
        service.start()
        service.create(holdout=0.5, covariate=SPEND, **FIXED)
        for _ in range(6):
            play(service, 60)
            service.now_ms += 400
            if ticks:
                service.new_learner().tick()
        service.mature()
        assert adjusted(service).n == 360
        states.append(service.storage.joins.adjusted(1))

    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("covariate", "pointer"),
    [
        ({"key": "", "minimum": 0, "maximum": 1}, "/covariate/key"),
        ({"key": "k", "minimum": 1, "maximum": 1}, "/covariate/maximum"),
        ({"key": "k", "minimum": -1e13, "maximum": 1}, "/covariate/minimum"),
        ({"key": "k", "minimum": 0}, "/covariate/maximum"),
    ],
)
def test_a_covariate_that_can_not_be_scaled_is_refused(
    service: Service, covariate: Json, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        service.create(covariate=covariate)

    assert [field.pointer for field in raised.value.fields] == [pointer]
