"""States of units follow from their facts, however these are cut into rounds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.domain.people.feature import TrailName
from bandit_svc.domain.people.unit_fact import (
    UnitChange,
    UnitEvent,
    UnitFact,
    encode_unit_fact,
    kept_of,
)
from bandit_svc.domain.people.unit_state import MOST_IDS
from bandit_svc.services.people.following import FACTS_AT_ONCE, follow
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Arrival
from tests.harness.simulated.unit_facts import KEEP_MS, random_facts, seeded


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(tmp_path)
    opened.migrate()
    opened.initialise(bytes(SECRET_BYTES), 0)
    yield opened
    opened.close()


def keep(storage: Storage, facts: Sequence[UnitFact]) -> None:
    arrivals = [Arrival(encode_unit_fact(fact).payload, fact) for fact in facts]
    storage.facts.ingest(arrivals, {})


def all_of(storage: Storage) -> list[tuple[bytes, bytes]]:
    with storage.units.snapshot() as kept:
        return list(kept.rows)


def test_a_fact_that_comes_again_changes_nothing(storage: Storage) -> None:
    facts = random_facts(seeded(1), 300)
    keep(storage, facts)
    keep(storage, facts[100:200])
    keep(storage, facts)

    last = storage.unit_facts.last_position()
    rows = storage.unit_facts.after(0, 10_000)
    assert last == len(facts)
    assert [row.fact for row in rows] == facts
    assert [row.position for row in rows] == list(range(1, len(facts) + 1))
    assert storage.facts.check() == []


@pytest.mark.parametrize("seed", range(5))
def test_the_states_are_the_same_however_facts_are_cut_into_rounds(
    storage: Storage, seed: int
) -> None:
    chance = seeded(seed)
    facts = random_facts(chance, 1_500)
    while facts:
        cut = chance.randint(1, 300)
        keep(storage, facts[:cut])
        facts = facts[cut:]
        if chance.random() < 0.7:
            follow(storage.unit_facts, storage.units, lambda: False)
    follow(storage.unit_facts, storage.units)

    found = rebuild(storage.unit_facts, storage.units, keep=False)
    assert found.matches
    assert found.facts == 1_500
    assert found.ids == len(all_of(storage))


def test_each_id_of_a_person_has_the_same_state_and_no_person_has_too_many(
    storage: Storage,
) -> None:
    facts = random_facts(seeded(3), 3_000, ids=60)
    keep(storage, facts)
    refused = follow(storage.unit_facts, storage.units).links_refused

    assert refused > 0
    for i in range(60):
        state = storage.units.state(f"u{i}")
        if state is None:
            continue
        assert len(state.ids) <= MOST_IDS
        assert state.ids[0] == state.unit_id
        assert f"u{i}" in state.ids
        for other in state.ids:
            assert storage.units.state(other) == state


def test_a_round_stops_when_its_time_is_up_and_goes_on_from_there(
    storage: Storage,
) -> None:
    facts = random_facts(seeded(4), FACTS_AT_ONCE + 10)
    keep(storage, facts)

    first = follow(storage.unit_facts, storage.units, lambda: True)
    second = follow(storage.unit_facts, storage.units, lambda: True)
    assert (first.facts, first.more) == (FACTS_AT_ONCE, True)
    assert (second.facts, storage.units.position()) == (10, FACTS_AT_ONCE + 10)
    assert follow(storage.unit_facts, storage.units).facts == 0


def test_states_that_were_read_at_another_position_are_not_kept(
    storage: Storage,
) -> None:
    keep(storage, random_facts(seeded(5), 20))
    follow(storage.unit_facts, storage.units)
    before = all_of(storage)

    assert not storage.units.save([], after=7, position=30)
    assert storage.units.position() == 20
    assert all_of(storage) == before


def test_damaged_states_are_found_and_replaced(
    storage: Storage, tmp_path: Path
) -> None:
    keep(storage, random_facts(seeded(6), 200))
    follow(storage.unit_facts, storage.units)
    before = all_of(storage)
    with storage.units.snapshot() as kept:
        rows = [(key, state[:-1] + b"\x00") for key, state in kept.rows]
        position = kept.position
    storage.units.replace(type(kept)(position, iter(rows)))

    assert not rebuild(storage.unit_facts, storage.units, keep=False).matches
    assert not rebuild(storage.unit_facts, storage.units, keep=True).matches
    assert all_of(storage) == before
    assert rebuild(storage.unit_facts, storage.units, keep=False).matches
    assert not list(tmp_path.glob("units-*"))


def test_the_older_decision_makes_an_id_the_older_one(storage: Storage) -> None:
    # Nothing is known of either but the time of the link: the first link is older.
    keep(storage, [UnitChange("f1", "u-1", 50, links=("x", "y"))])
    follow(storage.unit_facts, storage.units)
    state = storage.units.state("u-1")

    assert state is not None
    assert state.ids == ("x", "y", "u-1")
    assert storage.units.must_be_read()


def test_an_event_of_a_person_counts_under_each_id(storage: Storage) -> None:
    trails = {TrailName("viewed"): KEEP_MS}

    def viewed(fact_id: str, unit: str, at_ms: int) -> UnitEvent:
        taken = kept_of("viewed", {}, trails)
        return UnitEvent(fact_id, unit, at_ms, "viewed", at_ms, taken)

    keep(
        storage,
        [
            viewed("e1", "a", 10),
            viewed("e2", "b", 20),
            UnitChange("f", "b", 30, links=("a",)),
            viewed("e3", "a", 40),
            viewed("e4", "b", 50),
        ],
    )
    follow(storage.unit_facts, storage.units)
    state = storage.units.state("b")

    assert state is not None
    assert [entry.at_ms for entry in state.trails["viewed."]] == [10, 20, 40, 50]
    assert (state.unit_id, state.first_ms, state.last_ms) == ("a", 10, 50)
