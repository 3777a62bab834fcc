"""Every decision logs the pmf of both groups, and the chance of its own."""

import math
from typing import Any

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import BASELINE, TREATMENT
from tests.harness.service import Service

FLOOR = 0.3
RULES: dict[str, Any] = {
    "kind": "rules",
    "rules": ['when device = "mobile" then b'],
    "otherwise": "c",
}


def decisions_of(service: Service, count: int = 60) -> list[Decision]:
    return [decided.decision for decided in service.rounds(count)]


def test_the_group_of_a_decision_has_the_pmf_that_was_drawn_from(
    service: Service,
) -> None:
    service.create(holdout=0.4, exploration_floor=FLOOR)
    made = decisions_of(service)
    service.mature()
    made += decisions_of(service)

    assert {d.group for d in made} == {TREATMENT, BASELINE}
    for d in made:
        own = d.treatment_pmf if d.group == TREATMENT else d.baseline_pmf
        assert own == d.pmf
        assert d.propensity == d.pmf[d.chosen]
        assert d.group_chance == (0.6 if d.group == TREATMENT else 0.4)
    assert service.logged()[-1] == made[-1]


def test_the_holdout_logs_the_treatments_pmf_with_its_floor(service: Service) -> None:
    service.create(holdout=0.4, exploration_floor=FLOOR)
    decisions_of(service, 200)
    service.mature()
    held = [d for d in decisions_of(service) if d.group == BASELINE]

    assert held
    for d in held:
        assert d.model_version == 1
        assert d.pmf == d.baseline_pmf == (1.0, 0.0, 0.0)
        assert d.treatment_pmf is not None
        assert min(d.treatment_pmf) >= FLOOR / 3 - 1e-12
        assert math.fsum(d.treatment_pmf) == pytest.approx(1.0, abs=1e-9)
        assert d.treatment_pmf != d.pmf


def test_the_same_context_gives_both_groups_the_same_two_pmfs(
    service: Service,
) -> None:
    service.create(holdout=0.5)
    decisions_of(service, 200)
    service.mature()
    context = {"device": "mobile", "hour": 3}
    made = [
        service.decide(unit_id=f"u{i}", context=context).decision for i in range(40)
    ]

    assert {d.group for d in made} == {TREATMENT, BASELINE}
    assert len({(d.treatment_pmf, d.baseline_pmf) for d in made}) == 1


def test_a_baseline_that_reads_the_context_is_asked_for_each_decision(
    service: Service,
) -> None:
    service.create(holdout=0.3, baseline=RULES)
    for d in decisions_of(service):
        shown = "b" if d.context["device"] == "mobile" else "c"
        assert d.baseline_pmf == tuple(float(key == shown) for key in d.variants)


def test_the_baselines_pmf_is_that_of_the_eligible_variants(service: Service) -> None:
    weights = {"a": 3, "b": 1}
    service.create(holdout=0.0, baseline={"kind": "weighted", "weights": weights})
    whole = decisions_of(service, 5)
    without = [service.decide(exclude=("a",)).decision for _ in range(5)]
    alone = service.decide(exclude=("a", "b")).decision

    assert {d.baseline_pmf for d in whole} == {(0.75, 0.25, 0.0)}
    assert {d.baseline_pmf for d in without} == {(1.0, 0.0)}
    assert alone.baseline_pmf == (1.0,)


def test_a_policy_that_fails_does_not_fail_the_holdouts_page(service: Service) -> None:
    service.create(holdout=0.9, exploration_floor=FLOOR)
    # No policy reads a feature that is not a number; the edge refuses it before.
    made = [
        service.decide(unit_id=f"u{i}", context={"hour": math.nan}).decision
        for i in range(20)
    ]
    held = [d for d in made if d.group == BASELINE]
    treated = [d for d in made if d.group == TREATMENT]

    assert {d.source for d in held} == {"baseline"}
    assert {d.source for d in treated} <= {"fallback"}
    for d in made:
        # What the treatment falls back to: the baseline with the floor.
        assert d.treatment_pmf == pytest.approx((0.8, 0.1, 0.1))
        assert d.baseline_pmf == (1.0, 0.0, 0.0)


def test_a_changed_holdout_changes_the_logged_chance(service: Service) -> None:
    service.create(holdout=0.5)
    before = decisions_of(service, 20)
    service.change(holdout=0.25)
    after = decisions_of(service, 20)

    assert {d.group_chance for d in before} == {0.5}
    assert {d.group_chance for d in after} <= {0.25, 0.75}
    for d in after:
        assert d.group_chance == (0.75 if d.group == TREATMENT else 0.25)


def test_the_store_keeps_what_was_logged(service: Service) -> None:
    service.create(holdout=0.4)
    made = decisions_of(service, 20)
    service.mature()

    for d in made:
        view = service.storage.facts.decision(d.id)
        assert view is not None
        assert view.decision == d
