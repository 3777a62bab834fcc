"""Histories that depend on earlier choices are recognised, and twins are not."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from bandit_svc.errors import Conflict
from bandit_svc.services.checks.check import Check
from bandit_svc.services.managing.splits.promoting import check_jump, split_patch
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.report import Report
from tests.harness.service import Service

Json = dict[str, Any]
POPUP: Json = {
    "variants": [{"key": "none"}, {"key": "popup"}],
    "policy": {"kind": "weighted", "weights": {"none": 3, "popup": 1}},
    "baseline": {"kind": "fixed", "variant": "none"},
    "exploration_floor": 0.1,
}
Context = Callable[[int, list[str]], Mapping[str, object]]
"""A context from the visit's number and what the unit was shown before."""


def play(
    service: Service,
    units: int = 300,
    visits: int = 4,
    *,
    cap: int | None = None,
    context: Context = lambda _visit, _shown: {},
) -> None:
    """Let units come back, with the pop-up excluded once it was shown `cap` times."""
    shown: list[list[str]] = [[] for _ in range(units)]
    for visit in range(visits):
        for unit, before in enumerate(shown):
            full = cap is not None and before.count("popup") >= cap
            decided = service.decide(
                unit_id=f"u{unit}",
                context=dict(context(visit, before)),
                exclude=("popup",) if full else (),
            )
            before.append(decided.decision.variant)
        service.now_ms += 1_000
        service.mature()


def report_of(service: Service) -> Report:
    experiment = service.storage.experiments.get("hero")
    return build_report(service.storage, experiment, service.now_ms)


def check_of(service: Service) -> Check:
    (found,) = (c for c in report_of(service).health if c.name == "history")
    return found


def test_a_cap_is_recognised_by_the_eligible_set(service: Service) -> None:
    service.create(holdout=0.1, **POPUP)
    play(service, cap=1)
    found = check_of(service)

    assert found.status == "warn"
    assert "whether `popup` may be shown" in found.detail


def test_a_policy_is_promoted_in_a_split_where_choices_change_later_ones(
    service: Service,
) -> None:
    service.create(holdout=0.1, **POPUP)
    play(service, cap=1)
    experiment = service.storage.experiments.get("hero")

    with pytest.raises(Conflict, match="the check `history` warns"):
        check_jump(service.storage, experiment, {"policy": {"kind": "uniform"}})
    check_jump(service.storage, experiment, split_patch("u", {"kind": "uniform"}, 0.1))


def test_a_schedule_is_no_dependence(service: Service) -> None:
    """The pop-up is there on two of six visits, whatever was shown before."""
    begins = datetime.fromtimestamp(service.now_ms / 1000 + 1.5, UTC)
    ends = begins + timedelta(seconds=2)
    scheduled: Json = {
        "key": "popup",
        "from": begins.isoformat(),
        "until": ends.isoformat(),
        "when": "visit != 3",
    }
    variants = [{"key": "none"}, {"key": "other"}, scheduled]
    service.create(
        holdout=0.1,
        **POPUP | {"variants": variants, "policy": {"kind": "uniform"}},
    )
    play(service, visits=6, context=lambda visit, _: {"visit": visit})
    report = report_of(service)

    assert report.decisions.forced == 0
    assert 0 < report.variants[-1].n < report.decisions.treatment / 4
    assert check_of(service).status == "ok"


def test_a_twin_without_a_cap_is_ok(service: Service) -> None:
    service.create(holdout=0.1, **POPUP)
    play(service, context=lambda visit, _: {"visit": visit, "even": visit % 2})

    assert check_of(service).status == "ok"


@pytest.mark.parametrize(
    "context",
    [
        lambda _, shown: {"seen": shown.count("popup")},
        lambda _, shown: {"last": shown[-1] if shown else "nothing"},
        lambda _, shown: {"user": {"tired": "popup" in shown}},
    ],
)
def test_a_key_made_of_earlier_choices_is_recognised(
    service: Service, context: Context
) -> None:
    service.create(holdout=0.0, **POPUP)
    play(service, context=context)
    found = check_of(service)

    assert found.status == "warn"
    assert any(f"`{key}`" in found.detail for key in ("seen", "last", "user.tired"))


def test_a_counter_of_visits_is_no_dependence(service: Service) -> None:
    """The pop-up brings units back, so that it changes who reaches which visit."""
    service.create(holdout=0.0, **POPUP)
    chances = np.random.default_rng(2)
    alive = list(range(900))
    for visit in range(6):
        staying = []
        for unit in alive:
            decided = service.decide(unit_id=f"u{unit}", context={"visit": visit})
            popup = decided.decision.variant == "popup"
            if chances.random() < (0.95 if popup else 0.5):
                staying.append(unit)
        alive = staying
        service.now_ms += 1_000
        service.mature()

    assert check_of(service).status == "ok"


def test_it_is_early_under_a_hundred_units_that_came_back(service: Service) -> None:
    service.create(holdout=0.0, **POPUP)
    play(service, units=99, visits=3, cap=1)
    few = check_of(service)
    service.decide(unit_id="u100")
    service.decide(unit_id="u100")
    service.mature()

    assert few.status == "early"
    assert few.detail == "not tested: 99 units have come back; 100 are needed"
    assert check_of(service).status == "warn"


def test_units_that_come_once_are_not_counted(service: Service) -> None:
    service.create(holdout=0.0, **POPUP)
    play(service, units=150, visits=1)
    for _ in range(100):
        service.decide()
    service.mature()

    assert "0 units have come back" in check_of(service).detail


def test_a_restarted_learner_goes_on_with_the_same_sums(service: Service) -> None:
    service.create(holdout=0.0, **POPUP)
    play(service, units=150, visits=3, cap=2)
    service.now_ms += 60_000
    service.learner.tick()
    kept = {row.policy: row for row in service.storage.evaluations.all(1)}
    service.learner = service.new_learner()
    play(service, units=150, visits=2)
    service.now_ms += 60_000
    service.learner.tick()
    after = {row.policy: row for row in service.storage.evaluations.all(1)}

    assert kept["check:history"].cursor == 450
    assert after["check:history"].cursor == 750
    # 150 of the first part that came again, twice: 2 + 2 transitions a unit.
    assert check_of(service).numbers["units"] == 150


def test_the_state_holds_no_id_and_no_value(service: Service) -> None:
    service.create(holdout=0.0, **POPUP)
    play(service, units=120, visits=2, context=lambda *_: {"plan": "platinum"})
    rows = {row.policy: row for row in service.storage.evaluations.all(1)}
    state = rows["check:history"].state

    assert b"plan" in state
    assert b"platinum" not in state
    assert b"u11" not in state
