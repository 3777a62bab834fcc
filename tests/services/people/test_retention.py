"""Units that were not seen for long are forgotten, and nobody else."""

import msgspec
import pytest

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.people.unit_fact import UnitChange, encode_unit_fact
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.services.people.retention import Retention
from tests.harness.service import Service

KEEP_DAYS = 400
SLICES = 6
"""More ticks than a sweep over the decisions of a test takes."""


def say(service: Service, unit: str, **fields: object) -> None:
    """Append a change of a unit."""
    change = UnitChange(f"f-{unit}-{service.now_ms}", unit, service.now_ms)
    change = msgspec.structs.replace(change, **fields)
    service.worker.log.append(encode_unit_fact(change))


def pass_days(service: Service, days: int) -> int:
    """Let days pass; return how many persons the learner has forgotten."""
    service.now_ms += days * DAY_MS
    service.learner_lives()
    return sum(service.learner.tick().followed.forgotten for _ in range(SLICES))


@pytest.fixture
def world(service: Service) -> Service:
    service.create()
    for unit in ("gone", "decides", "tells"):
        say(service, unit, traits={"tier": unit})
    say(service, "linked-new", links=("linked-old",), traits={"tier": "linked"})
    say(service, "denied", consent="denied")
    assert pass_days(service, 0) == 0
    return service


def known(service: Service) -> set[str]:
    units = ("gone", "decides", "tells", "linked-new", "linked-old", "denied")
    return {u for u in units if service.storage.units.state(u) is not None}


def test_a_unit_is_forgotten_when_it_was_seen_neither_by_facts_nor_by_decisions(
    world: Service,
) -> None:
    pass_days(world, KEEP_DAYS - 1)
    assert len(known(world)) == 6
    world.decide(unit_id="decides")
    world.decide(unit_id="linked-new")
    say(world, "tells", traits={"tier": "new"})
    forgotten = pass_days(world, 2)

    assert forgotten == 1
    assert known(world) == {"decides", "tells", "linked-new", "linked-old", "denied"}
    assert rebuild(world.storage.unit_facts, world.storage.units, keep=False).matches
    assert world.storage.facts.check() == []
    facts = world.storage.unit_facts.after(0, 100)
    assert [row.fact.unit_id for row in facts].count("") == 1


def test_a_denial_outlives_everything_else(world: Service) -> None:
    assert pass_days(world, KEEP_DAYS + 1) == 4
    assert known(world) == {"denied"}
    denied = world.storage.units.state("denied")
    assert denied is not None
    assert denied.consent == "denied"


def test_a_decision_that_is_made_during_the_sweep_keeps_its_unit(
    world: Service,
) -> None:
    for _ in range(2_500):
        world.decide(unit_id="other")
    world.learner.tick()
    world.now_ms += (KEEP_DAYS + 1) * DAY_MS
    retention = Retention(
        world.storage.units, world.storage.privacy, KEEP_DAYS * DAY_MS
    )
    assert retention.step(world.now_ms) == 0
    world.decide(unit_id="gone")
    world.learner_lives()
    world.learner.tick()

    assert retention.step(world.now_ms) == 3
    assert known(world) == {"gone", "denied"}


def test_with_0_nothing_is_forgotten(world: Service) -> None:
    retention = Retention(world.storage.units, world.storage.privacy, 0)
    assert retention.step(world.now_ms + 10_000 * DAY_MS) == 0
