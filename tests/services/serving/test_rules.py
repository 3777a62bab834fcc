"""A rule table wherever a policy may stand: served, baseline, candidate, target."""

from typing import Any

import msgspec
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.report.build import build_report
from tests.harness.service import Service

RULES: dict[str, Any] = {
    "kind": "rules",
    "rules": ['when device = "mobile" then a', "when hour < 12 then b"],
    "otherwise": "c",
}


def said(decision: Decision) -> str:
    """The variant that the table says."""
    if decision.context["device"] == "mobile":
        return "a"
    return "b" if decision.context["hour"] < 12 else "c"


def test_a_served_table_is_followed_with_the_floor_and_published(
    service: Service,
) -> None:
    service.create(policy=RULES, holdout=0.0, exploration_floor=0.3)
    made = [decided.decision for decided in service.rounds(60)]
    service.mature()

    assert {said(d) for d in made} == {"a", "b", "c"}
    for decision in made:
        chances = dict(zip(decision.variants, decision.pmf, strict=True))
        assert chances[said(decision)] == pytest.approx(0.8)
    assert service.model().meta.learned == 60
    assert service.replay().matches


def test_a_table_as_the_baseline_is_followed_in_the_holdout(service: Service) -> None:
    service.create(baseline=RULES, holdout=0.5)
    made = [decided.decision for decided in service.rounds(60)]
    held_out = [d for d in made if d.group == "baseline"]

    assert 10 < len(held_out) < 50
    assert [d.variants[d.chosen] for d in held_out] == [said(d) for d in held_out]


def test_a_table_is_worth_what_the_decisions_that_agree_with_it_earned(
    service: Service,
) -> None:
    """Uniform is served, so IPS is 3 times the rewards where both agree, over n."""
    named = RULES | {"name": "table"}
    service.create(policy={"kind": "uniform"}, holdout=0.0, candidates=[named])
    made = [decided.decision for decided in service.rounds(300)]
    service.mature()
    experiment = service.storage.experiments.get("hero")
    kept = build_report(service.storage, experiment, service.now_ms).policies
    specs = asked_specs(experiment.definition, [RULES | {"name": "again"}, "table"])
    again, table = evaluate(service.storage, experiment, specs).policies
    # As conftest rewards: a on mobile, b elsewhere.
    earned = sum(
        d.variants[d.chosen]
        == said(d)
        == ("a" if d.context["device"] == "mobile" else "b")
        for d in made
    )

    assert again.estimates["ips"].estimate == pytest.approx(3 * earned / 300)
    assert table in kept
    assert msgspec.structs.replace(again, policy="table") == table


def test_a_target_table_must_name_variants_of_the_experiment(
    service: Service,
) -> None:
    definition = service.create().definition

    with pytest.raises(InvalidInput) as caught:
        asked_specs(definition, ["uniform", RULES | {"otherwise": "z"}], (), "/p/{}")

    assert [f.pointer for f in caught.value.fields] == ["/p/1/otherwise"]
