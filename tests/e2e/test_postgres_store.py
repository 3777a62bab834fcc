"""A service over PostgreSQL, of which anything may die, the server included."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner

from bandit_svc.cli.main import main
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.served import Served, StartServed
from tests.harness.simulated.load import Load
from tests.harness.stored.postgres import PostgresServer

SCHEMA = "shop"
KEYS = ("plain", "by-views")
ENOUGH = 100
"""Acknowledged decisions between two deaths."""
AWAY = 10
"""Decisions of each kind while the server is away."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.mark.e2e
def test_what_was_acknowledged_outlives_the_server_and_each_process(
    server: PostgresServer, start_service: StartServed
) -> None:
    store = server.url(SCHEMA)
    service = start_service(store=store)
    for key in KEYS:
        assert service.post("/v1/experiments", definition(key)) is not None
    loads = [Load(service.port, seed, KEYS) for seed in (1, 2)]
    for load in loads:
        load.start()
    answered(service, loads, ENOUGH)
    for role in ("worker", "learner"):
        kill(service, role)
        answered(service, loads, ENOUGH)
    # Each worker has decided for each experiment, and loaded their models.
    served_by_all(service)

    server.stop_at_once()
    apart = [decide(service, KEYS[n % 2]) for n in range(AWAY)]
    rewarded = {
        (one["decision_id"], "away"): reward(service, one, "away") for one in apart
    }
    refused = service.post("/v1/experiments", definition("late"))
    state = service.get("/readyz")
    kill(service, "learner")
    # What starts anew waits for the server; the other worker goes on.
    kill(service, "worker")
    apart += [decide(service, KEYS[n % 2]) for n in range(AWAY)]
    server.start()
    answered(service, loads, ENOUGH)
    for load in loads:
        load.stopped.set()
    for load in loads:
        load.join()
    with closing(backends_of(service, store)) as backends:
        wait_until_learned(service, backends)
    assert service.post("/v1/experiments", definition("later")) is not None
    assert service.stop() == 0

    assert refused is None
    assert state["status"] == "degraded"
    assert "PostgreSQL" in state["reasons"][0]
    decisions = {one["decision_id"]: named(one) for one in apart}
    decisions |= {k: v for load in loads for k, v in load.decisions.items()}
    rewards = rewarded | {k: v for load in loads for k, v in load.rewards.items()}
    assert len(decisions) > 4 * ENOUGH
    with closing(backends_of(service, store)) as backends:
        check_store(backends, decisions, rewards)
    for key in KEYS:
        run(service, store, "replay", key, "--verify")
    run(service, store, "replay", "--units", "--verify")
    run(service, store, "doctor")


def definition(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "variants": [{"key": v} for v in "abc"],
        "reward": {
            "window_seconds": 1.0,
            "credit": "last_exposed",
            "within_seconds": 600.0,
        },
        # Of the second one each decision reads what is known of its unit.
        "features": {"views": "count(viewed)"} if key == KEYS[1] else {},
    }


def kill(service: Served, role: str) -> None:
    pids = service.wait_for(lambda: service.by_role()[role], f"a {role}")
    os.kill(pids[0], signal.SIGKILL)


def answered(service: Served, loads: Sequence[Load], count: int) -> None:
    """Wait for so many more decisions."""
    enough = sum(len(load.decisions) for load in loads) + count
    service.wait_for(
        lambda: sum(len(load.decisions) for load in loads) >= enough,
        f"{enough} answers",
    )


def served_by_all(service: Served) -> None:
    """Wait until each worker has decided for each experiment since it began."""
    seen: dict[str, int] = {}

    def settled() -> bool:
        for key in KEYS:
            seen[key] = seen.get(key, 0) + (service.post(*decision(key)) is not None)
        return min(seen.values()) >= ENOUGH

    service.wait_for(settled, "every worker has served")


def decision(key: str) -> tuple[str, dict[str, Any]]:
    return "/v1/decisions", {"experiment": key, "unit_id": "u-7", "context": {}}


def decide(service: Served, key: str) -> dict[str, Any]:
    answer: dict[str, Any] | None = service.post(*decision(key))
    assert answer is not None
    return answer


def reward(service: Served, decided: dict[str, Any], reward_id: str) -> float:
    body = {
        "decision_id": decided["decision_id"],
        "value": 1.0,
        "reward_id": reward_id,
    }
    assert service.post("/v1/rewards", body) is not None
    return 1.0


def named(decided: dict[str, Any]) -> tuple[str, float]:
    return decided["variant"], decided["propensity"]


def backends_of(service: Served, store: str) -> Backends:
    return Backends(Settings(data=str(service.data), store=store))


def wait_until_learned(service: Served, backends: Backends) -> None:
    def learned() -> bool:
        storage = backends.storage
        if backends.reader.backlog_bytes(storage.facts.cursors()):
            return False
        if storage.corrections.waiting():
            return False
        for key in KEYS:
            report = service.get(f"/v1/experiments/{key}/report")
            if report is None:
                return False
            counts = report["decisions"]
            made = counts["treatment"] + counts["baseline"]
            if counts["pending"] or made != counts["joined"]:
                return False
            if report["model"]["learned"] != counts["treatment"]:
                return False
        return True

    service.wait_for(learned, "everything learned")


def check_store(
    backends: Backends,
    decisions: dict[str, tuple[str, float]],
    rewards: dict[tuple[str, str], float],
) -> None:
    """Require each acknowledged fact once."""
    find = backends.storage.facts.decision
    views = {decision_id: find(decision_id) for decision_id in decisions}
    for decision_id, answer in decisions.items():
        view = views[decision_id]
        assert view is not None, decision_id
        if view.state != "ambiguous":
            assert (view.decision.variant, view.decision.propensity) == answer
    kept = {
        (decision_id, one.reward_id): one.value
        for decision_id, view in views.items()
        if view is not None
        for one in view.rewards
    }
    assert {key: kept.get(key) for key in rewards} == rewards
    for number in (1, 2):
        joined = [
            row.decision.id for row in backends.storage.joins.after(number, 0, 10**6)
        ]
        assert len(joined) == len(set(joined)) > ENOUGH


def run(service: Served, store: str, *words: str) -> None:
    done = CliRunner().invoke(
        main, [*words, "--data", str(service.data)], env={"BANDIT_STORE": store}
    )
    assert done.exit_code == 0, done.output
