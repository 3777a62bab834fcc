"""A corrected reward of a unit reaches each decision that shares it, learned or not."""

from collections.abc import Callable

import pytest

from bandit_svc.services.people.record_unit_reward import (
    UnitRewardReport,
    correct_unit_reward,
    record_unit_reward,
)
from tests.harness.service import SECOND_MS, Service

UNITS = 60
VISITS = 4
SHARED = {"credit": "all", "within_seconds": 10, "maximum": 100, "aggregate": "sum"}


def bought(unit: int, *, refunded: bool) -> float:
    """An order of each unit, and a refund of all or of a half of every second one."""
    full = 16.0 + 4 * (unit % 10)
    return full * (unit % 4) / 4 if refunded and unit % 2 else full


def written(service: Service, *, refunded: bool) -> None:
    """Write a log of which nothing is read; each order is shared by a unit's visits."""
    service.start()
    service.create(
        policy={"kind": "vw"},
        holdout=0.3,
        reward=SHARED,
        candidates=[{"kind": "linear"}],
    )
    for index in range(UNITS * VISITS):
        service.now_ms += 2
        context = {"device": ("mobile", "desktop")[index % 3 % 2]}
        worker = service.workers[index % 2]
        service.decide(worker, unit_id=f"u{index % UNITS}", context=context)
    for unit in range(UNITS):
        send(service, unit, bought(unit, refunded=refunded))


def send(
    service: Service, unit: int, value: float, *, correction: bool = False
) -> None:
    people = service.workers[unit % 2].people
    report = UnitRewardReport(f"u{unit}", value, f"order-{unit}", correction=correction)
    experiments = [service.storage.experiments.get("hero")]
    if correction:
        known = {experiments[0].number: -1.0}
        correct_unit_reward(
            people, report, experiments, lambda _id: known, service.now_ms
        )
    else:
        record_unit_reward(people, report, experiments, lambda: False, service.now_ms)


@pytest.mark.parametrize("learned", [False, True])
def test_shares_of_a_refund_are_those_of_a_log_that_had_it_from_the_start(
    new_service: Callable[[str], Service], *, learned: bool
) -> None:
    reference, service = new_service("reference"), new_service("corrected")
    written(reference, refunded=True)
    written(service, refunded=False)
    reference.mature()
    if learned:
        service.mature()
    for unit in range(UNITS):
        if unit % 2:
            service.now_ms += 1
            send(service, unit, bought(unit, refunded=True), correction=True)
    if not learned:
        service.now_ms = reference.now_ms - 2 * SECOND_MS
        service.mature()
    service.relearn()
    found, expected = (
        (
            [(r.reward, r.decision.id) for r in one.storage.joins.after(1, 0, 10_000)],
            one.storage.joins.tallies(1),
            one.storage.joins.uplift(1),
            one.storage.evaluations.all(1),
            one.model().state,
        )
        for one in (service, reference)
    )

    assert found == expected
    assert len({reward for reward, _ in found[0]}) > UNITS / 10
    assert service.replay().matches
    assert service.storage.facts.check() == []
