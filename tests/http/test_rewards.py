"""Reporting rewards, to the letter of the contract."""

from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess


@pytest.fixture
def decision_id(service: WorkerInProcess) -> str:
    service.create("hero", reward={"window_seconds": 60, "aggregate": "sum"})
    return str(service.decide("hero")["decision_id"])


def test_a_reward_answers_202_once_it_is_durable(
    service: WorkerInProcess, decision_id: str
) -> None:
    body = {
        "decision_id": decision_id,
        "value": 1.0,
        "reward_id": "order-5512",
        "occurred_at": "2027-01-15T09:00:30+01:00",
        "metric": "reward",
    }
    before = service.stored()
    answer = service.post("/v1/rewards", body)

    assert answer.status_code == 202
    assert answer.json == {
        "decision_id": decision_id,
        "metric": "reward",
        "reward_id": "order-5512",
        "status": "accepted",
    }
    assert service.stored() != before


def test_a_whole_number_is_a_value(service: WorkerInProcess, decision_id: str) -> None:
    service.reward(decision_id, 1)


def test_one_reward_id_counts_once_and_without_one_there_is_one_for_each_metric(
    service: WorkerInProcess, decision_id: str
) -> None:
    for _ in range(3):
        service.reward(decision_id, 0.25, reward_id="r")
        service.reward(decision_id, 0.5)
        service.reward(decision_id, 7, metric="revenue")
    service.learn(after_s=61)
    seen = service.get(f"/v1/decisions/{decision_id}").json

    # 0.25 under "r" and 0.5 without an id.
    assert seen["reward"] == 0.75
    assert len(seen["rewards"]) == 3


def test_a_secondary_metric_is_reported_and_not_learned_from(
    service: WorkerInProcess, decision_id: str
) -> None:
    service.reward(decision_id, 700, metric="revenue")
    service.learn(after_s=61)
    report = service.get("/v1/experiments/hero/report").json
    group = service.get(f"/v1/decisions/{decision_id}").json["group"]
    (row,) = [m for m in report["metrics"] if m["group"] == group]

    assert (row["metric"], row["total"], row["mean"]) == ("revenue", 700, 700)
    assert service.get(f"/v1/decisions/{decision_id}").json["reward"] == 0


def test_a_batch_answers_in_order_and_one_bad_reward_fails_alone(
    service: WorkerInProcess, decision_id: str
) -> None:
    rewards: list[Any] = [
        {"decision_id": decision_id, "value": 0.5, "reward_id": "r1"},
        {"decision_id": decision_id, "value": "5"},
        {"decision_id": "forged", "value": 1},
        None,
        {"decision_id": decision_id, "value": 1, "x": 1},
        {"decision_id": decision_id, "value": 0.25, "reward_id": "r2"},
    ]
    answer = service.post("/v1/rewards/batch", {"rewards": rewards})
    found = answer.json["rewards"]
    service.learn(after_s=61)

    assert answer.status_code == 202
    assert [r["status"] for r in found] == [
        *("accepted", 400, 400, 400, 400, "accepted"),
    ]
    assert [r["errors"][0]["pointer"] for r in found if r.get("errors")] == [
        "/rewards/1/value",
        "/rewards/2/decision_id",
        "/rewards/3",
        "/rewards/4/x",
    ]
    assert service.get(f"/v1/decisions/{decision_id}").json["reward"] == 0.75


def test_a_batch_may_hold_a_thousand(
    service: WorkerInProcess, decision_id: str
) -> None:
    rewards = [
        {"decision_id": decision_id, "value": 0.001, "reward_id": f"r{n}"}
        for n in range(1000)
    ]
    answer = service.post("/v1/rewards/batch", {"rewards": rewards})

    assert [r["reward_id"] for r in answer.json["rewards"]] == [
        f"r{n}" for n in range(1000)
    ]


def test_a_decision_of_an_archived_experiment_still_takes_its_reward(
    service: WorkerInProcess, decision_id: str
) -> None:
    service.patch("/v1/experiments/hero", {"status": "archived"})
    service.reward(decision_id, 1)
