"""A receipt: what could be chosen, the draw again, and what each key did."""

import msgspec
import pytest

from bandit_svc.services.serving.outcomes.asked_model import AskedModel
from bandit_svc.services.serving.receipt import Receipt, receipt
from bandit_svc.storage.rows import DecisionView
from tests.harness.service import Service


def receipt_of(service: Service, decision_id: str) -> Receipt:
    experiment = service.storage.experiments.get("hero")
    return receipt(service.storage, experiment, view_of(service, decision_id))


def view_of(service: Service, decision_id: str) -> DecisionView:
    view = service.storage.facts.decision(decision_id)
    assert view is not None
    return view


def test_every_draw_group_and_pmf_is_found_again(service: Service) -> None:
    """Decisions by four model versions, in both groups, under two holdouts."""
    service.create(holdout=0.3)
    made = []
    for holdout in (0.3, 0.3, 0.5, 0.5):
        service.change(holdout=holdout)
        made += service.rounds(30)
        service.mature()

    for decided in made:
        found = receipt_of(service, decided.decision.id)

        assert found.draw_agrees
        assert found.group.agrees
        assert found.model.kept
        assert found.model.agrees
        chosen = next(v for v in found.variants if v.chosen)
        assert chosen.begins <= found.draw < chosen.ends + 1e-9
        assert found.drawn_again == decided.decision.variant


def test_what_was_not_drawn_from_its_pmf_is_told(service: Service) -> None:
    service.create(holdout=0.0)
    decided = service.round()
    service.mature()
    view = view_of(service, decided.decision.id)
    other = (decided.decision.chosen + 1) % 3
    forged = msgspec.structs.replace(view.decision, chosen=other, group="baseline")
    found = receipt(
        service.storage,
        service.storage.experiments.get("hero"),
        msgspec.structs.replace(view, decision=forged),
    )

    assert not found.draw_agrees
    assert not found.group.agrees


def test_it_says_why_a_variant_was_not_eligible(service: Service) -> None:
    service.create(variants=[{"key": "a"}, {"key": "b"}, {"key": "c"}, {"key": "d"}])
    service.change(variants=[{"key": "a"}, {"key": "b"}, {"key": "c"}])
    decided = service.decide(exclude=("b",))
    service.mature()
    found = receipt_of(service, decided.decision.id)

    assert [v.variant for v in found.variants] == ["a", "c"]
    assert [one.variant for one in found.left_out] == ["b", "d"]
    assert "the request left it out" in found.left_out[0].why
    assert "retired" in found.left_out[1].why


def test_a_key_that_decides_moves_the_chances_and_one_without_effect_does_not(
    service: Service,
) -> None:
    """Variant a is best on mobile and b elsewhere; `noise` never changes.

    A key with one value for all decisions is in every example with every reward, and
    says no more than the constant that the model has anyway; it is compared with
    `device`, not with 0. 600 rounds, seed 7.
    """
    service.create(holdout=0.0, policy={"kind": "linear"})
    service.rounds(600)
    service.mature()
    context = {"device": "mobile", "hour": 12}
    decided = service.decide(unit_id="u", context=context)
    service.mature()
    effects = {
        one.key: one for one in receipt_of(service, decided.decision.id).model.effects
    }

    assert list(effects) == ["device", "hour"]
    assert effects["device"].moved > effects["hour"].moved
    assert 0 <= effects["hour"].moved <= 1


def test_a_model_that_is_not_kept_any_more_leaves_the_rest_of_the_receipt(
    service: Service,
) -> None:
    service.create(holdout=0.0)
    service.rounds(20)
    service.mature()
    decided = service.round()
    service.mature()
    view = view_of(service, decided.decision.id)
    pruned = msgspec.structs.replace(view.decision, model_version=999)
    found = receipt(
        service.storage,
        service.storage.experiments.get("hero"),
        msgspec.structs.replace(view, decision=pruned),
    )

    assert found.model == AskedModel(999, kept=False)
    assert found.draw_agrees


@pytest.mark.parametrize("kind", ["vw", "linear", "thompson", "epsilon_greedy"])
def test_every_policy_can_be_asked_again(service: Service, kind: str) -> None:
    service.create(holdout=0.0, policy={"kind": kind})
    service.rounds(40)
    service.mature()
    decided = service.round()
    service.mature()

    assert receipt_of(service, decided.decision.id).model.agrees
