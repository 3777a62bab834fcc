"""What every store promises of rewards that name a unit; see storage.interface."""

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.codec import Fact
from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.event import encode_event
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.people.credit import RETAINED_MS, CreditRule
from bandit_svc.domain.people.unit_fact import (
    UnitChange,
    UnitEvent,
    UnitReward,
    UnitValue,
    encode_unit_fact,
)
from bandit_svc.domain.variant import Variant
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.privacy import Erasure
from bandit_svc.storage.rows import Arrival, ClosingRule, RewardRow
from bandit_svc.storage.sqlite.store import SqliteStorage

NewDecision = Callable[..., Decision]
WITHIN_MS = 500
LAST, ALL = CreditRule(WITHIN_MS, shared=False), CreditRule(WITHIN_MS, shared=True)


def arrivals(facts: Iterable[Fact], credit: CreditRule = LAST) -> list[Arrival]:
    """Return facts as they come, of decisions that are credited by a rule."""
    rule = ClosingRule(1_000, 1_000, on_first_reward=False, credit=credit)
    return [
        Arrival(encode_unit_fact(fact).payload, fact)
        if isinstance(fact, UnitChange | UnitEvent | UnitReward)
        else Arrival(encode_event(fact), fact, rule)
        for fact in facts
    ]


def unit_reward(
    unit_id: str = "u", at_ms: int = 100, value: float = 1.0, **fields: object
) -> UnitReward:
    made = UnitReward("r", unit_id, at_ms, at_ms, {1: UnitValue(value)})
    changed: UnitReward = msgspec.structs.replace(made, **fields)
    return changed


def rewards_of(storage: Storage, decision_id: str) -> list[tuple[str, float]]:
    return [(r.reward_id, r.value) for r in rows_of(storage, decision_id)]


def rows_of(storage: Storage, decision_id: str) -> Sequence[RewardRow]:
    view = storage.facts.decision(decision_id)
    assert view is not None
    return view.rewards


def counts_of(storage: Storage) -> dict[str, int]:
    found = storage.facts.totals(1).counts
    return {name: n for name, n in found.items() if n and name.startswith("rewards")}


def test_the_last_exposed_decision_gets_the_reward(
    storage: Storage, new_decision: NewDecision
) -> None:
    decided = [
        new_decision(f"d{at}", unit_id="u", decided_at_ms=at) for at in (10, 90, 110)
    ]
    storage.facts.ingest(arrivals([unit_reward(), *decided]), {})

    assert [rewards_of(storage, d.id) for d in decided] == [[], [("r", 1.0)], []]
    assert counts_of(storage) == {"rewards_accepted": 1}


def test_all_decisions_within_the_time_share_it_equally(
    storage: Storage, new_decision: NewDecision
) -> None:
    times = (10, 300, 505, 506)
    decided = [new_decision(f"d{at}", unit_id="u", decided_at_ms=at) for at in times]
    facts: list[Fact] = [*decided, unit_reward(at_ms=505 + 10, value=9.0)]
    for fact in facts:
        storage.facts.ingest(arrivals([fact], ALL), {})

    values = [[value for _, value in rewards_of(storage, d.id)] for d in decided]
    assert values == [[], [3.0], [3.0], [3.0]]


@pytest.mark.parametrize(
    ("at_ms", "received_ms", "credited"),
    [
        (99, 99, False),
        (100, 100, True),
        (100 + WITHIN_MS, 1_000, True),
        (101 + WITHIN_MS, 1_000, False),
        (100, 100 + WITHIN_MS + RETAINED_MS, True),
        (100, 101 + WITHIN_MS + RETAINED_MS, False),
    ],
)
def test_credit_looks_back_within_the_time(
    storage: Storage,
    new_decision: NewDecision,
    at_ms: int,
    received_ms: int,
    *,
    credited: bool,
) -> None:
    decision = new_decision(unit_id="u", decided_at_ms=100)
    reward = unit_reward(at_ms=received_ms, occurred_at_ms=at_ms)
    storage.facts.ingest(arrivals([decision, reward]), {})

    assert bool(rewards_of(storage, "d")) == credited


def test_a_decision_that_was_never_shown_gets_none(
    storage: Storage, new_decision: NewDecision
) -> None:
    facts = (
        new_decision("d", unit_id="u", decided_at_ms=10),
        new_decision("e", unit_id="u", decided_at_ms=20, deferred=True),
        unit_reward(at_ms=100, reward_id="before"),
        Activation("e", 1, 200),
        unit_reward(at_ms=300, reward_id="after"),
    )
    for fact in facts:
        storage.facts.ingest(arrivals([fact]), {})

    assert rewards_of(storage, "d") == [("before", 1.0)]
    assert rewards_of(storage, "e") == [("after", 1.0)]


def test_a_reward_of_a_linked_id_waits_for_the_link(
    storage: Storage, new_decision: NewDecision
) -> None:
    storage.facts.ingest(arrivals([new_decision(unit_id="anon")]), {})
    storage.facts.ingest(arrivals([unit_reward("signed-in")]), {})
    before = rewards_of(storage, "d")
    link = UnitChange("f", "signed-in", 200, links=("anon",))
    storage.facts.ingest(arrivals([link]), {})

    assert (before, rewards_of(storage, "d")) == ([], [("r", 1.0)])


def test_a_reward_counts_once_however_often_it_comes(
    storage: Storage, new_decision: NewDecision
) -> None:
    sent = [unit_reward(), unit_reward(at_ms=130), unit_reward(value=2.0)]
    decided = [
        new_decision("d", unit_id="u", decided_at_ms=10),
        new_decision("e", unit_id="u", decided_at_ms=120),
    ]
    storage.facts.ingest(arrivals([*decided, *sent]), {})
    storage.facts.ingest(arrivals(sent), {})

    assert [rewards_of(storage, d.id) for d in decided] == [[("r", 1.0)], []]
    assert counts_of(storage) == {
        "rewards_accepted": 1,
        "rewards_duplicate": 3,
        "rewards_conflict": 2,
    }


def test_a_reward_of_a_joined_decision_is_late_and_stays(
    storage: Storage, new_decision: NewDecision, join: Callable[..., None]
) -> None:
    storage.facts.ingest(arrivals([new_decision(unit_id="u")]), {})
    join()
    storage.facts.ingest(arrivals([unit_reward()]), {})
    earlier = new_decision("e", unit_id="u", decided_at_ms=50)
    storage.facts.ingest(arrivals([earlier]), {})

    assert [r.late for r in rows_of(storage, "d")] == [True]
    assert rewards_of(storage, "e") == []
    assert counts_of(storage) == {"rewards_late": 1}


@pytest.mark.parametrize("credit", [LAST, ALL])
def test_corrections_hold_in_whichever_order_they_come(
    tmp_path: Path, new_decision: NewDecision, credit: CreditRule
) -> None:
    decided = [new_decision(f"d{n}", unit_id="u", decided_at_ms=n) for n in range(2)]
    facts: list[Fact] = [
        *decided,
        unit_reward(value=8.0),
        unit_reward(at_ms=200, value=4.0, correction=True),
        unit_reward(at_ms=300, value=2.0, correction=True),
    ]
    found = []
    for place, order in enumerate(permutations(facts)):
        if place % 10:
            continue
        storage = SqliteStorage(tmp_path / str(place))
        storage.migrate()
        storage.initialise(bytes(32), 0)
        hero = Definition(key="hero", variants=(Variant("a"), Variant("b")))
        storage.experiments.create(hero, "salt", 0)
        for fact in order:
            storage.facts.ingest(arrivals([fact], credit), {})
        found.append([rewards_of(storage, d.id) for d in decided])
        assert storage.facts.check() == []
        storage.close()

    last: list[object] = [[], [("r", 2.0)]]
    assert found[0] == (last if credit is LAST else [[("r", 1.0)]] * 2)
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("credit", [LAST, ALL])
def test_any_cut_and_any_order_of_the_facts_give_the_same_credits(
    tmp_path: Path, new_decision: NewDecision, seed: int, credit: CreditRule
) -> None:
    """Decisions, exposures, links, rewards and events of a few persons."""
    rng = random.Random(seed)  # noqa: S311 - a seeded world
    units = [f"u{n}" for n in range(6)]
    facts: list[Fact] = [UnitChange("l", "u0", 5, links=("u1", "u2"))]
    facts.append(UnitChange("m", "u4", 5, links=("u3",)))
    for n in range(40):
        at_ms = rng.randrange(3_000)
        unit, id_, kind = rng.choice(units), f"f{n}", rng.random()
        if kind < 0.4:
            deferred = rng.random() < 0.3
            facts.append(
                new_decision(id_, unit_id=unit, decided_at_ms=at_ms, deferred=deferred)
            )
            if deferred and rng.random() < 0.7:
                facts.append(Activation(id_, 1, at_ms + rng.randrange(600)))
        elif kind < 0.7:
            value = float(rng.randrange(1, 9))
            facts.append(unit_reward(unit, at_ms, value, reward_id=id_))
        else:
            event = UnitEvent(id_, unit, at_ms, "bought", at_ms)
            worth = {1: UnitValue(2.0)}
            facts.append(msgspec.structs.replace(event, rewards=worth))
    facts += rng.sample([f for f in facts if isinstance(f, UnitReward)], 5)

    found = []
    for name in ("whole", "ordered", "shuffled"):
        storage = SqliteStorage(tmp_path / name)
        storage.migrate()
        storage.initialise(bytes(32), 0)
        hero = Definition(key="hero", variants=(Variant("a"), Variant("b")))
        storage.experiments.create(hero, "salt", 0)
        if name == "shuffled":
            rng.shuffle(facts)
        left = arrivals(facts, credit)
        while left:
            cut = len(left) if name == "whole" else rng.randrange(1, 8)
            storage.facts.ingest(left[:cut], {})
            left = left[cut:]
        decided = sorted(f.id for f in facts if isinstance(f, Decision))
        credits_ = {id_: rows_of(storage, id_) for id_ in decided}
        found.append((credits_, counts_of(storage), storage.facts.check()))
        storage.close()

    assert found[0] == found[1] == found[2]
    assert sum(map(len, found[0][0].values())) > 5
    assert found[0][2] == []


def test_an_erased_unit_has_no_rewards_that_wait(
    storage: Storage, new_decision: NewDecision
) -> None:
    decision = new_decision(unit_id="p_1", decided_at_ms=50)
    waits = unit_reward("p_1", at_ms=10, reward_id="waits")
    storage.facts.ingest(arrivals([decision, unit_reward("p_1"), waits]), {})
    erasure = Erasure("e", "p_1", 0)
    storage.privacy.ask(erasure)
    erased = storage.privacy.blank(erasure, ["p_1"], bytes(32))
    storage.facts.ingest(arrivals([unit_reward("p_1")]), {})

    assert erased.counts["quarantined_rewards"] == 1
    assert storage.credits.quarantined(9) == []
    assert rewards_of(storage, "d") == [("r", 1.0)]
    assert counts_of(storage)["rewards_duplicate"] == 1
    assert storage.facts.check() == []
