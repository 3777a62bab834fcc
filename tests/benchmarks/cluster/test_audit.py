"""The audit of a cluster finds what does not agree with what callers were told."""

from pathlib import Path

import pytest

from benchmarks.cluster.audit import audit, compared, is_settled, read_stored
from benchmarks.cluster.ledger import Ledger, Told
from tests.harness.service import Service

NODE = 0


@pytest.fixture
def told(service: Service) -> Ledger:
    """Return what the callers of a service were told, all of which has joined."""
    service.create()
    ledger = Ledger()
    for _ in range(40):
        decided = service.round().decision
        ledger.decided(decided.id, Told("hero", NODE, 1.0), None)
        if decided.variant == ("a" if decided.context["device"] == "mobile" else "b"):
            ledger.rewarded(decided.id, 1.0)
    service.mature()
    assert ledger.rewards
    return ledger


def failing(service: Service, ledger: Ledger) -> list[str]:
    """Return the names of the invariants that don't hold."""
    found = compared(ledger, read_stored(service.storage))
    return [one.name for one in found if not one.holds]


def test_everything_holds_where_all_is_stored(service: Service, told: Ledger) -> None:
    folder = Path(service.settings.data)

    assert is_settled(folder, {}, told)
    found = audit([folder], {}, told)
    assert [one for one in found if not one.holds] == []
    assert {"doctor data", "replay hero --verify"} <= {one.name for one in found}


def test_what_a_command_finds_is_found(service: Service, told: Ledger) -> None:
    folder = Path(service.settings.data)
    folder.chmod(0o777)

    found = audit([folder], {}, told)

    assert [one.name for one in found if not one.holds] == ["doctor data"]


def test_a_decision_that_is_missing_is_found(service: Service, told: Ledger) -> None:
    told.decided("lost", Told("hero", NODE, 1.0), None)

    assert not is_settled(Path(service.settings.data), {}, told)
    assert failing(service, told) == ["every acknowledged decision is stored"]


def test_a_stored_one_is_excused_by_a_request_without_an_answer(
    service: Service, told: Ledger
) -> None:
    del told.decisions[next(iter(told.decisions))]
    assert failing(service, told) == ["nothing else is stored"]

    told.failed(repeats=False)

    assert failing(service, told) == []


def test_rewards_that_are_missing_or_of_nobody_are_found(
    service: Service, told: Ledger
) -> None:
    name = "every acknowledged reward is counted, or counted as late"
    without = next(one for one in told.decisions if one not in told.rewards)
    told.rewarded(without, 1.0)
    assert failing(service, told) == [name]

    del told.rewards[without]
    del told.rewards[next(iter(told.rewards))]

    assert failing(service, told) == [name]


def test_a_late_reward_is_excused_by_its_count(service: Service, told: Ledger) -> None:
    decided = service.round()
    told.decided(decided.decision.id, Told("hero", NODE, 1.0), None)
    value = told.rewards.pop(decided.decision.id, None)
    service.mature()
    if value is None:
        service.reward(decided)
    service.mature()
    told.rewarded(decided.decision.id, 1.0)

    assert failing(service, told) == []


def test_two_answers_to_one_request_and_refusals_are_found(
    service: Service, told: Ledger
) -> None:
    name = "a request_id has one decision, and no request was refused"
    one, two = list(told.decisions)[:2]
    told.decided(one, told.decisions[one], "r1")
    told.decided(one, told.decisions[one], "r1")
    assert failing(service, told) == []

    told.decided(two, told.decisions[two], "r1")
    assert failing(service, told) == [name]

    told.differing.clear()
    told.refuse("decision: 404")
    assert failing(service, told) == [name]
