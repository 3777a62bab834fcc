"""Kill anything at any moment; nothing acknowledged is lost, nothing counts twice."""

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.domain.people.unit_fact import UnitEvent
from bandit_svc.services.people.pseudonyms import Pseudonyms
from bandit_svc.settings import Settings
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, shown_id
from bandit_svc.storage.sqlite.rows.states import AMBIGUOUS
from bandit_svc.wiring import Backends
from tests.harness.process import COMMAND
from tests.harness.served import Served, StartServed
from tests.harness.simulated.load import Load

SEED = 20
KILLS = 24
ENOUGH = 1_000
"""Acknowledged decisions after which the kills have met enough of everything."""
VARIANTS = ["a", "b", "c"]
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "by-auto": {"kind": "auto"},
    "by-vw": {"kind": "vw"},
    "by-linear": {"kind": "linear"},
    "by-thompson": {"kind": "thompson", "change": "detect", "memory": 200},
}


@pytest.mark.e2e
def test_every_acknowledged_fact_survives_random_kills_once(
    start_service: StartServed,
) -> None:
    """24 SIGKILLs, each after a seeded amount of progress."""
    service = start_service()
    for key, policy in EXPERIMENTS.items():
        definition = {
            "key": key,
            "variants": [{"key": v} for v in VARIANTS],
            "policy": policy,
            "reward": {
                "window_seconds": 1.0,
                "credit": "last_exposed",
                "within_seconds": 600.0,
            },
            "features": {"views": "count(viewed)"},
        }
        assert service.post("/v1/experiments", definition) is not None
    loads = [Load(service.port, SEED + n, list(EXPERIMENTS)) for n in range(3)]
    for load in loads:
        load.start()

    with closing(Backends(Settings(data=str(service.data)))) as backends:
        kills = _kill_at_random(service, backends, loads)
    for load in loads:
        load.stopped.set()
    for load in loads:
        load.join()
    decisions = {k: v for load in loads for k, v in load.decisions.items()}
    rewards = {k: v for load in loads for k, v in load.rewards.items()}
    events = {event for load in loads for event in load.events}
    orders = {k: v for load in loads for k, v in load.orders.items()}
    people = {k: v for load in loads for k, v in load.people.items()}
    with closing(Backends(Settings(data=str(service.data)))) as backends:
        _wait_until_learned(service, backends)
    assert service.stop() == 0

    assert sum(kills.values()) >= KILLS
    assert all(kills[kind] for kind in ("worker", "learner", "master", "supervisor"))
    assert len(decisions) >= ENOUGH
    assert len(rewards) > 300
    assert sum(len(load.corrected) for load in loads) > 100
    assert sum(len(load.corrected_orders) for load in loads) > 50
    _check_store(service.data, decisions, rewards)
    _check_units(service.data, events)
    _check_people(service.data, people)
    _check_credits(service.data, orders)
    for key in EXPERIMENTS:
        _run(service.data, "replay", key, "--verify")
    _run(service.data, "replay", "--units", "--verify")
    _run(service.data, "doctor")


def _kill_at_random(
    service: Served, backends: Backends, loads: Sequence[Load]
) -> dict[str, int]:
    """Kill what the seed says, after as much progress as it says; return the counts.

    Moments are counted in answers and joins, not in seconds, so that a slow machine
    is killed as often in the middle of its work as a fast one.
    """
    rng = random.Random(SEED)  # noqa: S311 - seeded on purpose
    kills = {"worker": 0, "learner": 0, "master": 0, "supervisor": 0}
    plan = ["worker"] * 9 + ["learner"] * 9 + ["master"] * 3 + ["supervisor"] * 3
    rng.shuffle(plan)
    for kind in plan:
        # Without more answers, the kill meets processes that have just been started.
        _await_answers(service, loads, _answers(loads) + rng.choice([0, 1, 20, 60]))
        if kind == "learner" and rng.random() < 0.6:
            _await_joins(service, backends, _joins(backends) + rng.randrange(1, 60))
        if kind == "supervisor":
            service.kill()
            service.restart()
        else:
            os.kill(rng.choice(_pids(service, kind)), signal.SIGKILL)
        kills[kind] += 1
    service.wait_until_ready()
    _await_answers(service, loads, ENOUGH)
    return kills


def _await_answers(service: Served, loads: Sequence[Load], count: int) -> None:
    service.wait_for(lambda: _answers(loads) >= count, f"{count} answers")


def _await_joins(service: Served, backends: Backends, count: int) -> None:
    service.wait_for(lambda: _joins(backends) >= count, f"{count} joins")


def _pids(service: Served, kind: str) -> list[int]:
    return service.wait_for(lambda: service.by_role()[kind], f"a {kind}")


def _answers(loads: Sequence[Load]) -> int:
    return sum(len(load.decisions) for load in loads)


def _joins(backends: Backends) -> int:
    numbers = range(1, len(EXPERIMENTS) + 1)
    return sum(backends.storage.joins.last_position(number) for number in numbers)


def _wait_until_learned(service: Served, backends: Backends) -> None:
    def learned() -> bool:
        if backends.reader.backlog_bytes(backends.storage.facts.cursors()):
            return False
        if backends.storage.corrections.waiting():
            return False
        for key in EXPERIMENTS:
            report = service.get(f"/v1/experiments/{key}/report")
            if report is None:
                return False
            decided = report["decisions"]
            made = decided["treatment"] + decided["baseline"]
            if decided["pending"] or made != decided["joined"]:
                return False
            if report["model"]["learned"] != decided["treatment"]:
                return False
        return True

    service.wait_for(learned, "everything learned")


def _check_store(
    data: Path,
    decisions: dict[str, tuple[str, float]],
    rewards: dict[tuple[str, str], float],
) -> None:
    database = Database(data / "bandit.db")
    decode = StoredDecisions(database).decode
    with closing(database), database.read() as store:
        rows = store.execute("SELECT state, id, logged FROM decisions").fetchall()
        read = [(state, decode(*stored)) for state, *stored in rows]
        kept = {d.id: (d.variant, d.propensity) for s, d in read if s != AMBIGUOUS}
        ambiguous = {decision.id for state, decision in read if state == AMBIGUOUS}
        values = {
            (shown_id(row[0]), row[1]): row[2]
            for row in store.execute(
                "SELECT decision_id, reward_id, value FROM rewards"
            )
        }
        (joined, distinct) = store.execute(
            "SELECT count(*), count(DISTINCT row_id) FROM joined"
        ).fetchone()
        earned = store.execute(
            "SELECT number, sum(reward) FROM joined GROUP BY number"
        ).fetchall()
        tallied = store.execute(
            "SELECT number, sum(total) FROM tallies GROUP BY number"
        ).fetchall()
        damages = store.execute("SELECT partition, what FROM damages").fetchall()
    clear = {k: v for k, v in decisions.items() if k not in ambiguous}
    assert {k: kept.get(k) for k in clear} == clear
    assert {k: values.get(k) for k in rewards} == rewards
    assert joined == distinct == len(kept)
    assert earned == tallied
    assert damages == []


def _check_units(data: Path, events: set[tuple[str, str]]) -> None:
    """Require each acknowledged event once, in the facts and in the states."""
    with closing(Backends(Settings(data=str(data)))) as backends:
        storage = backends.storage
        last = storage.unit_facts.last_position()
        kept = Counter(
            (row.fact.unit_id, row.fact.fact_id)
            for row in storage.unit_facts.after(0, last)
            if isinstance(row.fact, UnitEvent)
        )
        pseudonyms = Pseudonyms(storage.pseudonym_key())
        events = {(pseudonyms.of(unit), event_id) for unit, event_id in events}
        states = [storage.units.state(unit) for unit in {unit for unit, _ in kept}]
        counted = [
            entry.n for s in states if s is not None for entry in s.trails["viewed."]
        ]
    assert len(events) > 300
    assert events <= kept.keys()
    assert set(kept.values()) == {1}
    assert sum(counted) == len(kept)


def _check_people(data: Path, people: dict[str, list[int]]) -> None:
    """Require the trait of the last answer, or of a request after it, and the link."""
    with closing(Backends(Settings(data=str(data)))) as backends:
        units = backends.storage.units
        pseudonyms = Pseudonyms(backends.storage.pseudonym_key())
        states = {unit: units.state(pseudonyms.of(unit)) for unit in people}
    assert len(people) > 30
    for unit, told in people.items():
        state = states[unit]
        assert state is not None, unit
        assert state.traits["count"] in told
        device = pseudonyms.of(unit.replace("p-", "d-", 1))
        assert set(state.ids) == {pseudonyms.of(unit), device}


def _check_credits(data: Path, orders: dict[str, float]) -> None:
    """Require each acknowledged order once, in one decision or in quarantine."""
    database = Database(data / "bandit.db")
    with closing(database), database.read() as store:
        kept = dict(store.execute("SELECT reward_id, value FROM unit_rewards"))
        (count,) = store.execute("SELECT count(*) FROM unit_rewards").fetchone()
        credited = store.execute(
            "SELECT reward_id, r.value FROM rewards r"
            " JOIN credits USING (decision_id, metric, reward_id)"
        ).fetchall()
        alone = store.execute(
            "SELECT reward_id FROM unit_rewards WHERE state <> 2"
        ).fetchall()
        missed = store.execute(
            "SELECT count(*) FROM unit_rewards u JOIN creditable c USING (unit, number)"
            " WHERE u.state <> 2 AND c.exposed_at_ms <= u.occurred_at_ms"
        ).fetchone()
    assert len(orders) > 300
    assert count == len(kept)
    assert {k: kept.get(k) for k in orders} == orders
    assert len(credited) > 100
    assert len({reward_id for reward_id, _ in credited}) == len(credited)
    assert all(kept[reward_id] == value for reward_id, value in credited)
    assert len(credited) + len(alone) == len(kept)
    assert missed == (0,)


def _run(data: Path, *words: str) -> None:
    command = [COMMAND, *words]
    done = subprocess.run(
        [*command, "--data", str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
