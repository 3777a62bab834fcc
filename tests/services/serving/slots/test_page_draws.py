"""A page is one decision: each slot is drawn from what is left, and logged so."""

import math

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import draw_from_id
from bandit_svc.domain.slots.places import (
    shown_variants,
    slot_decisions,
    whole_propensity,
)
from bandit_svc.errors import Conflict, InvalidInput, NothingEligible
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.services.serving.receipt import receipt
from policies.pmf import sample
from tests.harness.service import Service

FIVE = [
    {"key": key, "features": {"title": title}, "payload": {"row": key}}
    for key, title in zip("abcde", "XXYZW", strict=True)
]


def page(service: Service, **fields: object) -> Decision:
    return service.decide(unit_id="u-1", slots=3, **fields).decision  # type: ignore[arg-type]


def test_each_slot_is_drawn_by_its_own_number_from_what_is_left(
    service: Service,
) -> None:
    service.create(variants=FIVE, exploration_floor=0.2)

    for at in range(50):
        decision = service.decide(unit_id=f"u-{at}", slots=3).decision
        above: list[str] = []
        for slot in slot_decisions(decision):
            assert set(slot.variants) == set("abcde") - set(above)
            assert math.isclose(sum(slot.pmf), 1.0)
            assert sample(slot.pmf, draw_from_id(slot.id)) == slot.chosen
            assert slot.propensity == slot.pmf[slot.chosen]
            assert slot.context["slot"]["number"] == len(above) + 1
            above.append(slot.variant)
            if slot.group == "treatment":
                assert min(slot.pmf) >= 0.2 / len(slot.variants) - 1e-9
        assert tuple(above) == shown_variants(decision)


def test_the_log_gives_back_the_page_to_the_bit(service: Service) -> None:
    service.create(variants=FIVE)

    decision = page(service, distinct_by="features.title", pinned={"2": "d"})

    assert service.logged() == [decision]
    product = math.prod(slot.propensity for slot in slot_decisions(decision))
    assert whole_propensity(decision) == pytest.approx(product)


def test_pinned_slots_are_certain_and_keep_their_variant_from_the_others(
    service: Service,
) -> None:
    service.create(variants=FIVE)

    for at in range(30):
        decision = service.decide(
            unit_id=f"u-{at}", slots=3, pinned={"1": "c", "3": "a"}
        ).decision
        first, second, third = slot_decisions(decision)
        assert (first.variant, third.variant) == ("c", "a")
        assert first.pmf == third.pmf == (1.0,)
        assert set(second.variants) == {"b", "d", "e"}


def test_doubles_by_a_declared_feature_stay_off_the_page(service: Service) -> None:
    service.create(variants=FIVE)

    for at in range(50):
        decision = service.decide(
            unit_id=f"u-{at}", slots=4, distinct_by="features.title"
        ).decision
        assert not {"a", "b"} <= set(shown_variants(decision))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"slots": 0}, "/slots"),
        ({"slots": 2, "pinned": {"3": "a"}}, "/pinned/3"),
        ({"slots": 2, "pinned": {"1": "nothing"}}, "/pinned/1"),
        ({"slots": 2, "pinned": {"1": "a", "2": "a"}}, "/pinned/2"),
        ({"slots": 2, "distinct_by": "title"}, "/distinct_by"),
        ({"slots": 2, "context": {"slot": {"number": 1}}}, "/context/slot"),
        ({"pinned": {"1": "a"}}, "/pinned"),
    ],
)
def test_what_no_page_can_be_is_refused_at_its_field(
    service: Service, fields: dict[str, object], pointer: str
) -> None:
    service.create(variants=FIVE)

    with pytest.raises(InvalidInput) as refused:
        service.decide(**fields)  # type: ignore[arg-type]

    assert [field.pointer for field in refused.value.fields] == [pointer]
    assert service.logged() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"slots": 6},
        {"slots": 5, "distinct_by": "features.title"},
        {"slots": 4, "exclude": ("a", "b")},
        {"slots": 2, "exclude": ("a",), "pinned": {"1": "a"}},
        {"slots": 2, "pinned": {"1": "a", "2": "b"}, "distinct_by": "features.title"},
    ],
)
def test_a_page_that_can_not_be_filled_is_nothing_eligible(
    service: Service, fields: dict[str, object]
) -> None:
    service.create(variants=FIVE)

    with pytest.raises(NothingEligible):
        service.decide(**fields)  # type: ignore[arg-type]

    assert service.logged() == []


def test_a_request_that_comes_again_gets_its_page_and_no_other(
    service: Service,
) -> None:
    service.create(variants=FIVE)
    first = page(service, request_id="r-1", distinct_by="features.title")

    again = service.decide(
        service.other_worker,
        unit_id="u-1",
        slots=3,
        request_id="r-1",
        distinct_by="features.title",
    )

    assert again.repeated
    assert again.decision == first
    assert again.payload == [{"row": key} for key in shown_variants(first)]
    for other in ({"slots": 2}, {"slots": None}, {"slots": 3, "pinned": {"1": "a"}}):
        with pytest.raises(Conflict):
            service.decide(unit_id="u-1", request_id="r-1", **other)


def test_a_unit_keeps_its_page_where_it_may_still_be_shown(service: Service) -> None:
    service.create(variants=FIVE, sticky={"for_seconds": 3600})
    first = page(service)

    kept, other = page(service), service.decide(unit_id="u-1", slots=2).decision
    shown = shown_variants(first)
    without = page(service, exclude=(shown[2],))

    assert kept.id == first.id
    assert other.id != first.id
    assert shown[2] not in shown_variants(without)


@pytest.mark.parametrize("stored", [False, True])
def test_the_page_and_each_slot_are_looked_up_and_explained(
    service: Service, *, stored: bool
) -> None:
    experiment = service.create(variants=FIVE)
    decision = page(service)
    if stored:
        service.mature()
    worker = service.worker

    for slot in slot_decisions(decision):
        view = look_up(worker.storage.facts, worker.reader, worker.decoder, slot.id)
        assert view.decision == slot
        explained = receipt(service.storage, experiment, view)
        assert explained.drawn_again == slot.variant
        assert explained.draw_agrees
        assert explained.group.agrees
        assert explained.model.agrees


def test_the_holdout_sees_the_baselines_page(service: Service) -> None:
    weights = {"a": 4, "b": 2, "c": 1, "d": 1, "e": 0}
    baseline = {"kind": "weighted", "weights": weights}
    service.create(variants=FIVE, baseline=baseline, holdout=0.9)

    for at in range(40):
        decision = service.decide(unit_id=f"u-{at}", slots=3).decision
        if decision.group != "baseline":
            continue
        left = dict(weights)
        for slot in slot_decisions(decision):
            total = sum(left.values())
            expected = [left[key] / total for key in slot.variants]
            assert slot.pmf == pytest.approx(expected)
            assert slot.baseline_pmf == slot.pmf
            del left[slot.variant]
