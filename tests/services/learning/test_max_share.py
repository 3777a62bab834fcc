"""Limits on the shares of variants, from the definition to what is served."""

from typing import Any

import pytest

from bandit_svc.services.managing import lifecycle
from bandit_svc.services.report.build import build_report
from bandit_svc.services.serving.decide import Decided
from bandit_svc.services.serving.receipt import receipt
from policies.base import Action, RewardRange
from policies.pmf import mix_floor
from policies.spec import build_policy, normalise_spec
from tests.harness.service import Service

FLOOR = 0.02
LIMITED = [{"key": "a", "max_share": 0.3}, {"key": "b"}, {"key": "c"}]
"""A policy without limits shows a in half of the decisions, those on mobiles."""


def create(service: Service, kind: str = "linear", **fields: object) -> None:
    given = {"variants": LIMITED, "policy": {"kind": kind}, "holdout": 0.0}
    service.create("hero", None, **given | fields)


def play(service: Service, rounds: int, every: int = 100) -> list[Decided]:
    made: list[Decided] = []
    for _ in range(rounds // every):
        made += service.rounds(every)
        service.mature()
    return made


def share(made: list[Decided], variant: str = "a") -> float:
    """Return the mean chance of a variant."""
    decisions = [one.decision for one in made]
    return sum(d.pmf[d.variants.index(variant)] for d in decisions) / len(decisions)


def spec_of(service: Service) -> dict[str, Any]:
    return service.storage.experiments.get("hero").definition.policy


@pytest.mark.parametrize("kind", ["auto", "linear", "thompson", "uniform"])
def test_a_variant_keeps_its_share_and_the_model_is_a_function_of_the_log(
    service: Service, kind: str
) -> None:
    create(service, kind)
    made = play(service, 800)

    assert share(made) <= 0.32
    assert share(made[-400:]) == pytest.approx(0.3, abs=0.04)
    assert service.replay().matches
    for one in made[::40]:
        assert one.decision.propensity == one.decision.pmf[one.decision.chosen]
        assert min(one.decision.pmf) >= FLOOR / 3 - 1e-12


def test_a_receipt_draws_limited_decisions_again(service: Service) -> None:
    create(service)
    made = play(service, 300)

    experiment = service.storage.experiments.get("hero")
    for one in made[::10]:
        view = service.storage.facts.decision(one.decision.id)
        assert view is not None
        found = receipt(service.storage, experiment, view)
        assert found.draw_agrees
        assert found.model.kept
        assert found.model.agrees


def test_the_spec_alone_rebuilds_what_serves(service: Service) -> None:
    """As an outsider does who has the experiment's `policy` and a model's bytes."""
    create(service)
    play(service, 300)
    spec = spec_of(service)
    assert spec["max_shares"] == {"floor": FLOOR, "shares": {"a": 0.3}}

    policy = build_policy(normalise_spec(spec), RewardRange(0.0, 1.0))
    policy.load(service.model().state)
    one = service.round().decision
    actions = [Action(key) for key in one.variants]

    assert mix_floor(policy.pmf(one.context, actions), FLOOR) == list(one.pmf)


def test_a_learner_that_is_killed_at_any_moment_publishes_the_same_bytes(
    service: Service,
) -> None:
    """Ticks of 27 decisions, which end at no moment at which prices are solved."""
    create(service)
    for _ in range(15):
        service.rounds(27)
        service.mature()
        service.learner = service.new_learner()

    assert service.model().meta.learned == 15 * 27
    assert service.replay().matches


def test_a_changed_limit_is_a_changed_policy_that_swaps_in(service: Service) -> None:
    create(service)
    play(service, 400)
    version = service.model().meta.version
    service.change(variants=[{"key": "a", "max_share": 0.1}, *LIMITED[1:]])
    service.mature()
    made = play(service, 400)

    assert spec_of(service)["max_shares"]["shares"] == {"a": 0.1}
    assert service.model().meta.version > version
    assert service.model().meta.policy == spec_of(service)
    assert share(made[-300:]) == pytest.approx(0.1, abs=0.03)
    assert service.replay().matches


def test_a_limit_that_is_taken_back_is_gone(service: Service) -> None:
    create(service)
    play(service, 400)
    service.change(variants=[{"key": "a"}, *LIMITED[1:]])
    service.mature()
    made = play(service, 300)

    assert "max_shares" not in spec_of(service)
    assert share(made[-200:]) > 0.4
    assert service.replay().matches


def test_limits_are_those_of_the_variants_whatever_the_policy_says(
    service: Service,
) -> None:
    other = {"floor": 0.5, "shares": {"b": 0.1}}
    create(service, policy={"kind": "auto", "max_shares": other})
    assert spec_of(service)["max_shares"]["shares"] == {"a": 0.3}

    service.change(policy={"kind": "thompson"}, exploration_floor=0.1)
    assert spec_of(service)["max_shares"] == {"floor": 0.1, "shares": {"a": 0.3}}

    service.change(variants=[{"key": "b"}, {"key": "c"}], baseline={"kind": "uniform"})
    assert "max_shares" not in spec_of(service)


def test_a_restored_model_keeps_the_limits_of_now(service: Service) -> None:
    create(service)
    play(service, 200)
    service.change(variants=[{"key": "a", "max_share": 0.1}, *LIMITED[1:]])
    play(service, 200)
    lifecycle.restore(service.storage, "hero", 1, service.now_ms)
    service.mature()
    play(service, 100)

    assert spec_of(service)["max_shares"]["shares"] == {"a": 0.1}
    assert service.model().meta.policy == spec_of(service)
    assert service.replay().matches


def test_the_report_has_the_models_of_a_limited_policy(service: Service) -> None:
    create(service, "auto")
    play(service, 300)
    experiment = service.storage.experiments.get("hero")
    report = build_report(service.storage, experiment, service.now_ms)

    assert report.policy_choice is not None
    assert report.policy_memory is not None
    assert report.policy_memory.learned == 300


def test_a_share_of_one_is_no_limit(service: Service) -> None:
    create(service, variants=[{"key": "a", "max_share": 1}, {"key": "b"}])

    assert "max_shares" not in spec_of(service)
