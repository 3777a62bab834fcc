"""What an apprentice takes of its caller's choices, logs of them, and refuses."""

from typing import Unpack

import pytest

from bandit_svc.domain.apprentice.shown import Shown
from bandit_svc.domain.events.decision import Decision
from bandit_svc.errors import (
    BanditError,
    Conflict,
    InvalidInput,
    NothingEligible,
    Unprocessable,
)
from bandit_svc.services.serving.decide import Decided
from tests.harness.service import DecisionFields, Service

STICKY = {"for_seconds": 3_600}
SPLIT = {"policies": {"current": 0.5, "other": 0.5}, "policy": {"kind": "uniform"}}


def refused(
    service: Service, kind: type[BanditError], **fields: Unpack[DecisionFields]
) -> BanditError:
    with pytest.raises(kind) as caught:
        service.decide(**fields)
    return caught.value


def logged(service: Service, decided: Decided) -> Decision:
    (found,) = [
        fact
        for fact in service.logged()
        if isinstance(fact, Decision) and fact.id == decided.decision.id
    ]
    return found


@pytest.mark.parametrize("chance", [0.3, 1.0, None])
@pytest.mark.parametrize("worker", [0, 1])
def test_the_callers_choice_is_served_and_logged_beside_the_policys(
    service: Service, chance: float | None, worker: int
) -> None:
    service.create(mode="apprentice", holdout=0.5, exploration_floor=0.1)
    decided = service.decide(
        service.workers[worker],
        unit_id="u",
        context={"device": "mobile"},
        shown="b",
        shown_propensity=chance,
    )

    decision = logged(service, decided)
    assert decision == decided.decision
    assert decision.variant == "b"
    assert decision.shown == Shown(chance)
    assert decision.told_propensity == chance
    assert decision.pmf == (0.0, 1.0, 0.0)
    assert decision.treatment_pmf is not None
    assert min(decision.treatment_pmf) >= 0.1 / 3
    assert decision.baseline_pmf == (1.0, 0.0, 0.0)
    # All units are in one group, as the policy serves none of them.
    assert (decision.group, decision.group_chance) == ("treatment", 1.0)


def test_what_can_not_be_taken_is_refused_with_the_field(service: Service) -> None:
    service.create(mode="apprentice")
    missing = refused(service, Unprocessable)
    assert "your own system shows" in missing.message
    assert [one.pointer for one in missing.fields] == ["/shown"]
    unknown = refused(service, Unprocessable, shown="z")
    assert "'z' is not a variant" in unknown.message
    out = refused(service, NothingEligible, shown="a", exclude=("a",))
    assert [one.pointer for one in out.fields] == ["/shown"]
    narrowed = refused(service, NothingEligible, shown="a", variants=("b", "c"))
    assert "eligible are b, c" in narrowed.message
    page = refused(service, Unprocessable, shown="a", slots=2)
    assert [one.pointer for one in page.fields] == ["/slots"]
    assert service.logged() == []


def test_a_policy_that_weighs_by_propensities_needs_them(service: Service) -> None:
    policy = {"kind": "vw", "explorer": "epsilon", "cb_type": "ips"}
    service.create(mode="apprentice", policy=policy)
    error = refused(service, Unprocessable, shown="a")
    assert [one.pointer for one in error.fields] == ["/shown_propensity"]
    assert service.decide(shown="a", shown_propensity=0.5).decision.variant == "a"


def test_a_live_experiment_does_not_use_what_is_shown(service: Service) -> None:
    service.create(policy={"kind": "fixed", "variant": "c"}, exploration_floor=0.0)
    decision = service.decide(shown="a", shown_propensity=0.5).decision
    assert decision.shown is None


def test_a_repeated_request_must_show_the_same(service: Service) -> None:
    service.create(mode="apprentice")
    first = service.decide(shown="a", request_id="r", unit_id="u")
    again = service.decide(shown="a", request_id="r", unit_id="u")
    assert again.repeated
    assert again.decision == first.decision
    for fields in ({"shown": "b"}, {"shown": "a", "shown_propensity": 0.5}):
        with pytest.raises(Conflict, match="answered already, for another shown"):
            service.decide(request_id="r", unit_id="u", **fields)


def test_what_is_shown_is_the_callers_to_keep(service: Service) -> None:
    service.create(mode="apprentice", sticky=STICKY)
    shown = [
        service.decide(unit_id="u", shown=key).decision.variant for key in ("a", "b")
    ]
    assert shown == ["a", "b"]
    service.mature()
    # Nor does a unit keep it once the experiment is live.
    service.change(mode="live", policy={"kind": "fixed", "variant": "c"})
    service.mature()
    assert not service.decide(unit_id="u").given_again


def test_what_the_caller_decides_already_can_not_be_declared(service: Service) -> None:
    with pytest.raises(InvalidInput, match="split"):
        service.create(mode="apprentice", split=SPLIT)
    with pytest.raises(InvalidInput, match="slots"):
        service.create(mode="apprentice", slots=2)
    with pytest.raises(InvalidInput, match="programme"):
        service.create(mode="apprentice", programme="p")
    with pytest.raises(InvalidInput, match="learn_on"):
        service.create(mode="apprentice", reward={"learn_on": "first_reward"})


@pytest.mark.parametrize(
    ("bound", "named"),
    [
        ({}, "no bound"),
        ({"agreement": 1.0}, "below 1"),
        ({"agreement": 0.2}, "at least 0.5"),
        ({"dr_lower": 1e10}, "between"),
    ],
)
def test_a_bound_is_within_its_limits(
    service: Service, bound: dict[str, float], named: str
) -> None:
    with pytest.raises(InvalidInput, match=named):
        service.create(mode="apprentice", switch_at=bound)
