"""Rewards of slots and of pages: each counts once, and is learned where it belongs."""

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import slot_id
from bandit_svc.domain.slots.places import shown_variants, slot_decisions
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.serving.activate import activate
from bandit_svc.services.serving.record_reward import (
    RewardReport,
    correct_reward,
    record_reward,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from tests.harness.service import Service

FIVE = [{"key": key} for key in "abcde"]
WIDE = {"maximum": 10.0}


def report(
    service: Service, page: Decision, slot: int, value: float, reward_id: str = ""
) -> None:
    id_ = slot_id(page.id, slot) if slot else page.id
    found = RewardReport(id_, value, reward_id=reward_id or f"r-{slot}")
    record_reward(service.worker.serving, found, service.now_ms)


def learned(service: Service, storage: Storage | None = None) -> list[JoinedRow]:
    """Return what policies learn from, in order."""
    storage = storage or service.storage
    examples = JoinedExamples(storage.joins, Definitions(storage.experiments), 1)
    last = storage.joins.last_position(1)
    return [row for rows in examples.rows((0, last)) for row in rows]


@pytest.mark.parametrize("anew", [False, True])
def test_a_slot_learns_its_own_reward_and_its_share_of_the_pages(
    service: Service, *, anew: bool
) -> None:
    service.create(variants=FIVE, reward=WIDE)
    page = service.decide(unit_id="u", slots=4).decision
    report(service, page, 2, 1.0)
    report(service, page, 3, 0.5)
    report(service, page, 0, 2.0)
    service.mature()

    rows = learned(service, service.open().storage if anew else None)

    assert [row.reward for row in rows] == [0.5, 1.5, 1.0, 0.5]
    assert [row.decision for row in rows] == list(slot_decisions(page))
    assert {row.position for row in rows} == {1}


def test_a_page_is_one_decision_and_its_reward_counts_once(service: Service) -> None:
    service.create(variants=FIVE, reward=WIDE, holdout=0.0)
    page = service.decide(unit_id="u", slots=4).decision
    report(service, page, 1, 1.0)
    report(service, page, 4, 2.0)
    report(service, page, 0, 4.0)
    service.mature()

    tallies = service.storage.joins.tallies(1)
    by_slot = service.storage.slot_tallies.tallies(1)

    assert [(t.n, t.total) for t in tallies] == [(1, 7.0)]
    assert [(t.slot, t.variant, t.n, t.total) for t in by_slot] == [
        (0, "", 1, 4.0),
        *[
            (at, key, 1, earned)
            for at, key, earned in zip(
                range(1, 5), shown_variants(page), (1.0, 0.0, 0.0, 2.0), strict=True
            )
        ],
    ]
    counts = service.storage.facts.totals(1).counts
    assert counts["decisions_treatment"] == 1
    assert counts["rewards_accepted"] == 3


def test_a_reward_before_its_page_is_in_the_store_waits_for_it(
    service: Service,
) -> None:
    service.create(variants=FIVE, reward=WIDE)
    page = service.decide(unit_id="u", slots=2, worker=service.other_worker).decision
    report(service, page, 2, 1.0)
    service.mature()

    assert [row.reward for row in learned(service)] == [0.0, 1.0]
    assert service.storage.facts.totals(1).orphans == 0


def test_pinned_slots_are_not_learned_from(service: Service) -> None:
    service.create(variants=FIVE, reward=WIDE)
    page = service.decide(unit_id="u", slots=3, pinned={"1": "c"}).decision
    report(service, page, 1, 1.0)
    service.mature()

    assert [row.learnable for row in learned(service)] == [
        False,
        page.group == "treatment",
        page.group == "treatment",
    ]


def test_a_deferred_page_is_activated_by_any_of_its_slots(service: Service) -> None:
    service.create(variants=FIVE, reward=WIDE)
    shown = service.decide(unit_id="u", slots=2, defer=True).decision
    clicked = service.decide(unit_id="v", slots=2, defer=True).decision
    service.decide(unit_id="w", slots=2, defer=True)
    activate(service.worker.serving, slot_id(shown.id, 2), service.now_ms)
    report(service, clicked, 1, 1.0)
    service.mature()

    assert sorted(service.joined_ids()) == sorted([shown.id, clicked.id])


def test_a_corrected_reward_of_a_slot_is_learned_as_if_it_had_always_been(
    service: Service,
) -> None:
    service.create(variants=FIVE, reward=WIDE, policy={"kind": "linear"})
    for at in range(30):
        page = service.decide(unit_id=f"u-{at}", slots=3).decision
        report(service, page, 2, 5.0, "order")
        service.now_ms += 10
        service.mature()
    wrong = RewardReport(slot_id(page.id, 2), 1.0, reward_id="order", correction=True)
    correct_reward(service.worker.serving, wrong, service.now_ms)
    service.relearn()

    assert [row.reward for row in learned(service)][-3:] == [0.0, 1.0, 0.0]
    assert service.replay().matches
    totals = {t.slot: 0.0 for t in service.storage.slot_tallies.tallies(1)}
    for tally in service.storage.slot_tallies.tallies(1):
        totals[tally.slot] += tally.total
    assert totals == {0: 0.0, 1: 0.0, 2: 29 * 5.0 + 1.0, 3: 0.0}


@pytest.mark.parametrize("kind", ["auto", "vw", "linear"])
def test_an_order_is_learned_and_the_model_is_a_function_of_the_log(
    service: Service, kind: str
) -> None:
    """Variant a earns at the top alone, b in the second place alone.

    A page of uniform draws has both in their places in 1 of 20; the last 100 of 600
    pages have them in over half.
    """
    service.create(
        variants=FIVE, reward={"maximum": 1.0}, policy={"kind": kind}, holdout=0.0
    )
    best = 0
    for at in range(600):
        service.now_ms += 10
        page = service.decide(unit_id=f"u-{at}", slots=2).decision
        for slot, (key, paid) in enumerate(
            zip(shown_variants(page), "ab", strict=True), 1
        ):
            if key == paid:
                report(service, page, slot, 1.0)
        if at % 50 == 49:
            service.mature()
        best += at >= 500 and shown_variants(page) == ("a", "b")

    assert best > 50
    assert service.replay().matches
