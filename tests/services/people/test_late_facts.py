"""The state of a person is the same whichever partition of the log lags.

Worlds of a few units, whose facts come from three workers: each keeps its own order,
and the learner reads them in any, cut into batches anywhere.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.domain.people.unit_fact import (
    Consent,
    KeptValue,
    UnitChange,
    UnitEvent,
    UnitFact,
    encode_unit_fact,
)
from bandit_svc.services.people.following import follow
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Arrival

UNITS = tuple(f"u{number}" for number in range(5))
PARTITIONS = 3
KEEP_MS = 10**9
WORLDS = 400
ORDERS = 6

Sent = tuple[int, UnitFact]
"""The partition of a fact, and the fact."""


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(tmp_path)
    opened.migrate()
    opened.initialise(bytes(SECRET_BYTES), 0)
    yield opened
    opened.close()


def world(chance: random.Random) -> list[Sent]:
    """Facts in the order of their receipt; many of one moment."""
    at_ms, sent = 1, []
    for number in range(chance.randint(3, 16)):
        at_ms += chance.choice((0, 0, 1, 2))
        unit = chance.choice(UNITS)
        sent.append(
            (chance.randrange(PARTITIONS), fact(chance, f"f{number}", unit, at_ms))
        )
    return sent


def fact(chance: random.Random, name: str, unit: str, at_ms: int) -> UnitFact:
    kind = chance.random()
    if kind < 0.35:
        kept = {"viewed.style": KeptValue(KEEP_MS, chance.choice("xyz"))}
        occurred_ms = chance.randint(1, at_ms)
        return UnitEvent(name, unit, at_ms, "viewed", occurred_ms, kept)
    if kind < 0.6:
        value = chance.choice((1, 2, "a", None))
        return UnitChange(name, unit, at_ms, traits={chance.choice("abc"): value})
    if kind < 0.8:
        consent: Consent = "granted" if chance.random() < 0.5 else "denied"
        return UnitChange(name, unit, at_ms, consent=consent)
    others = [other for other in UNITS if other != unit]
    return UnitChange(name, unit, at_ms, links=(chance.choice(others),))


def in_any_order(chance: random.Random, sent: Sequence[Sent]) -> list[list[Sent]]:
    """Return batches in which each partition keeps its order, and any may lag."""
    left = [[one for one in sent if one[0] == n] for n in range(PARTITIONS)]
    batches: list[list[Sent]] = [[]]
    while any(left):
        source = chance.choice([n for n in range(PARTITIONS) if left[n]])
        for _ in range(chance.randint(1, len(left[source]))):
            batches[-1].append(left[source].pop(0))
        if chance.random() < 0.6:
            batches.append([])
    return batches


def named(fact: UnitFact, prefix: str) -> UnitFact:
    """Return the same fact about units of their own."""
    unit = prefix + fact.unit_id
    if isinstance(fact, UnitChange) and fact.links:
        links = tuple(prefix + link for link in fact.links)
        return msgspec.structs.replace(fact, unit_id=unit, links=links)
    return msgspec.structs.replace(fact, unit_id=unit)


def arrivals(batch: Sequence[Sent], prefix: str) -> list[Arrival]:
    facts = [(named(fact, prefix), source) for source, fact in batch]
    return [
        Arrival(encode_unit_fact(fact).payload, fact, source=source)
        for fact, source in facts
    ]


def known(storage: Storage, prefix: str) -> list[str]:
    """Return all states of a world, without the prefix of their units."""
    found = [storage.units.state(prefix + unit) for unit in UNITS]
    return [repr(state).replace(prefix, "") for state in found]


def test_no_world_depends_on_the_order_of_its_partitions(storage: Storage) -> None:
    chance = random.Random(1)  # noqa: S311 - a test's own numbers
    worlds = [world(chance) for _ in range(WORLDS)]
    batches = {
        f"{number}.{order}-": in_any_order(chance, sent)
        for number, sent in enumerate(worlds)
        for order in range(ORDERS)
    }
    while any(batches.values()):
        came = [
            arrival
            for prefix, left in batches.items()
            if left
            for arrival in arrivals(left.pop(0), prefix)
        ]
        storage.facts.ingest(came, {})
        follow(storage.unit_facts, storage.units)
    depending = [
        number
        for number in range(WORLDS)
        if len({str(known(storage, f"{number}.{o}-")) for o in range(ORDERS)}) > 1
    ]

    assert depending == []
    assert rebuild(storage.unit_facts, storage.units, keep=False).matches
    assert storage.facts.check() == []


def test_a_denial_holds_though_an_older_consent_is_read_later(
    storage: Storage,
) -> None:
    denied = UnitChange("f1", "u", 2, consent="denied")
    granted = UnitChange("f2", "u", 1, consent="granted", traits={"a": 1})
    for source, fact in ((1, denied), (2, granted)):
        storage.facts.ingest(arrivals([(source, fact)], ""), {})
        follow(storage.unit_facts, storage.units)
    state = storage.units.state("u")

    assert state is not None
    assert (state.consent, state.traits, state.first_ms) == ("denied", {}, 1)
