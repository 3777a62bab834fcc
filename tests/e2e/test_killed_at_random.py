"""Kill anything at any moment; nothing acknowledged is lost, nothing counts twice."""

import http.client
import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.services.people.pseudonyms import Pseudonyms
from bandit_svc.settings import Settings
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, shown_id
from bandit_svc.storage.sqlite.rows.states import AMBIGUOUS
from bandit_svc.wiring import Backends
from tests.harness.process import COMMAND
from tests.harness.served import Served, StartServed
from tests.harness.waiting import GENEROUS_S

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


class Load(threading.Thread):
    """Asks and reports until stopped; remembers what was acknowledged.

    A decision that gets no answer is asked again under its request_id (every
    second one has one), a reward under its reward_id, as real callers do.
    """

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._rng = random.Random(seed)  # noqa: S311 - simulated users
        self._connection: http.client.HTTPConnection | None = None
        self.stopped = threading.Event()
        self.decisions: dict[str, tuple[str, float]] = {}
        self.rewards: dict[tuple[str, str], float] = {}
        self.corrected: set[tuple[str, str]] = set()
        self.events: set[tuple[str, str]] = set()
        self.orders: dict[str, float] = {}
        self.unanswered = 0

    def run(self) -> None:
        """One decision and mostly one reward a round."""
        count = 0
        while not self.stopped.is_set():
            count += 1
            if self._rng.random() < 0.5:
                self._report(f"event-{self.name}-{count}")
            decided = self._decide(count)
            if self._rng.random() < 0.4:
                self._buy(f"unit-{self.name}-{count}")
            if decided is not None and self._rng.random() < 0.7:
                self._reward(decided, f"order-{self.name}-{count}")
            if self.rewards and self._rng.random() < 0.2:
                self._correct(*self._rng.choice(list(self.rewards)))
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _decide(self, count: int) -> dict[str, Any] | None:
        body: dict[str, Any] = {
            "experiment": self._rng.choice(list(EXPERIMENTS)),
            "unit_id": f"u{self._rng.randrange(500)}",
            "context": {"device": self._rng.choice(["mobile", "desktop"])},
        }
        if count % 2:
            body["request_id"] = f"{self.name}-{count}"
        answer: dict[str, Any] | None = self._post(
            "/v1/decisions", body, tries=50 if count % 2 else 1
        )
        if answer is not None:
            self.decisions[answer["decision_id"]] = (
                answer["variant"],
                answer["propensity"],
            )
        return answer

    def _report(self, event_id: str) -> None:
        """Report what a unit did; a third of the times twice."""
        unit = f"u{self._rng.randrange(500)}"
        body = {"unit_id": unit, "event": "viewed", "event_id": event_id}
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._post("/v1/events", body, tries=50) is not None:
                self.events.add((unit, event_id))

    def _buy(self, reward_id: str) -> None:
        """Report what a unit bought, and no decision; a third of the times twice."""
        value = float(self._rng.randrange(2))
        body = {
            "unit_id": f"u{self._rng.randrange(500)}",
            "experiment": self._rng.choice(list(EXPERIMENTS)),
            "value": value,
            "reward_id": reward_id,
        }
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._post("/v1/rewards", body, tries=50) is not None:
                self.orders[reward_id] = value

    def _reward(self, decided: dict[str, Any], reward_id: str) -> None:
        value = float(decided["variant"] == "b")
        body = {
            "decision_id": decided["decision_id"],
            "value": value,
            "reward_id": reward_id,
        }
        # Sent twice every third time: conversion systems do that too.
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._post("/v1/rewards", body, tries=50) is not None:
                self.rewards[decided["decision_id"], reward_id] = value

    def _correct(self, decision_id: str, reward_id: str) -> None:
        """Change a reward, often of a decision that was learned from; once or twice."""
        value = self._rng.choice([0.0, 0.25, 0.5, 1.0])
        body = {
            "decision_id": decision_id,
            "value": value,
            "reward_id": reward_id,
            "correction": True,
        }
        for _ in range(2 if self._rng.random() < 0.3 else 1):
            if self._post("/v1/rewards", body, tries=50) is not None:
                self.rewards[decision_id, reward_id] = value
                self.corrected.add((decision_id, reward_id))

    def _post(self, path: str, body: dict[str, Any], tries: int) -> Any:
        for _ in range(tries):
            try:
                if self._connection is None:
                    self._connection = http.client.HTTPConnection(
                        "127.0.0.1", self._port, timeout=GENEROUS_S
                    )
                self._connection.request("POST", path, json.dumps(body))
                answer = self._connection.getresponse()
                text = answer.read()
                if answer.status in {201, 202}:
                    return json.loads(text)
            except (OSError, http.client.HTTPException):
                self._disconnect()
            self.unanswered += 1
            self.stopped.wait(0.05)
        return None


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
    loads = [Load(service.port, SEED + n) for n in range(3)]
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
    with closing(Backends(Settings(data=str(service.data)))) as backends:
        _wait_until_learned(service, backends)
    assert service.stop() == 0

    assert sum(kills.values()) >= KILLS
    assert all(kills[kind] for kind in ("worker", "learner", "master", "supervisor"))
    assert len(decisions) >= ENOUGH
    assert len(rewards) > 300
    assert sum(len(load.corrected) for load in loads) > 100
    _check_store(service.data, decisions, rewards)
    _check_units(service.data, events)
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
    assert sum(counted) == len(kept) == last


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
