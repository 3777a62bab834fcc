"""The whole loop through real processes: ask, report, mature, learn, decide better."""

from typing import Any

import pytest

from tests.harness.served import Served, StartServed

DEFINITION = {
    "key": "hero",
    "variants": [{"key": "good"}, {"key": "bad"}],
    "baseline": {"kind": "fixed", "variant": "bad"},
    "holdout": 0.3,
    "reward": {"window_seconds": 1.0},
}


def ask(service: Served, count: int, first: int) -> list[dict[str, Any]]:
    """Make decisions for new units in one batch, each of them a treatment or not."""
    requests = [
        {"experiment": "hero", "unit_id": f"u{first + n}", "context": {"hour": n % 24}}
        for n in range(count)
    ]
    answers: list[dict[str, Any]] = service.post(
        "/v1/decisions/batch", {"decisions": requests}
    )["decisions"]
    return answers


@pytest.mark.e2e
def test_rewards_of_matured_decisions_change_what_every_worker_decides(
    start_service: StartServed,
) -> None:
    """300 decisions, reward 1 for the good variant only; floor 0.02 of 2 variants.

    A greedy policy then shows the good one in 99 % of its decisions; the test asks
    for 90 % of about 140, in answers of both workers that carry the newest model.
    """
    service = start_service()
    service.post("/v1/experiments", DEFINITION)
    decided = ask(service, 300, first=0)
    rewards = [
        {"decision_id": d["decision_id"], "value": 1.0}
        for d in decided
        if d["variant"] == "good"
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    treated = sum(d["group"] == "treatment" for d in decided)

    service.wait_for(lambda: learned(service) == treated, "learn every decision")
    version = service.get("/v1/experiments/hero/report")["model"]["version"]
    service.wait_for(lambda: served_by_all(service, version), "serve the new model")

    after = [d for d in ask(service, 200, first=10_000) if d["group"] == "treatment"]
    assert sum(d["variant"] == "good" for d in after) >= 0.9 * len(after)
    lower, _ = service.get("/v1/experiments/hero/report")["uplift"]["absolute"][
        "interval"
    ]
    assert lower > 0


def learned(service: Served) -> int:
    """Return how many decisions the published model has learned from."""
    return int(service.get("/v1/experiments/hero/report")["model"]["learned"])


def served_by_all(service: Served, version: int) -> bool:
    """Return whether twenty new connections, over all workers, get the version."""
    answers = [service.post("/v1/decisions", {"experiment": "hero"}) for _ in range(20)]
    return all(answer["model_version"] >= version for answer in answers)
