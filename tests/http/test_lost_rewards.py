"""Rewards that don't count as they were reported are told and counted."""

import json
from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess

Json = dict[str, Any]

DELIVERIES = {
    "name": "deliveries",
    "minimum": 0,
    "maximum": 5,
    "direction": "lower",
    "margin": 1,
}


def create(service: WorkerInProcess, maximum: float = 1.0, **fields: object) -> None:
    reward = {"window_seconds": 60, "maximum": maximum}
    service.create("hero", reward=reward, **fields)


def answer_to(service: WorkerInProcess, decision_id: str, **fields: object) -> Json:
    body = {"decision_id": decision_id} | fields
    return dict(service.post("/v1/rewards", body).json)


def report(service: WorkerInProcess) -> Json:
    return dict(service.get("/v1/experiments/hero/report").json)


def rewards_range(service: WorkerInProcess) -> Json:
    (found,) = (c for c in report(service)["health"] if c["check"] == "rewards_range")
    return dict(found)


def test_the_shop_of_0_to_100_is_not_all_green(service: WorkerInProcess) -> None:
    """80 % of the visitors buy nothing, 10 % for 37.5 and 10 % for 120."""
    create(service, maximum=100)
    bought: dict[float, str] = {}
    for i in range(200):
        decision_id = service.decide("hero", unit_id=f"u{i}")["decision_id"]
        if i % 10 < 2:
            value = 37.5 if i % 10 else 120.0
            answer = answer_to(service, decision_id, value=value)
            assert answer["status"] == "accepted"
            assert answer.get("clipped") is (True if value > 100 else None)
            bought[value] = decision_id
    service.learn()
    for value, clipped in ((37.5, None), (120.0, True)):
        (kept,) = service.get(f"/v1/decisions/{bought[value]}").json["rewards"]
        assert (kept["value"], kept.get("clipped")) == (value, clipped)
    early, early_check = report(service), rewards_range(service)
    service.learn(after_s=61)
    late = report(service)
    means = {g["group"]: (g["n"], g["mean"]) for g in late["groups"]}
    total = sum(n * mean for n, mean in means.values() if n)

    # It is counted as it comes, not when the window closes.
    assert early["decisions"]["rewards_clipped"] == 20
    assert early["decisions"]["rewards_refused"] == 0
    assert early_check["status"] == "warn"
    assert early_check["detail"].startswith("20 rewards were cut to the declared range")
    assert "of the bandit's" in early_check["detail"]
    assert 0.3 < early_check["rewards_clipped_share_treatment"] < 0.7
    # (20 times 37.5 and 20 times 100) instead of the 20 times 120 that were refused.
    assert total == pytest.approx(20 * 37.5 + 20 * 100)
    assert late["decisions"]["rewards_clipped"] == 20


def test_a_sum_beyond_the_maximum_is_told(service: WorkerInProcess) -> None:
    create(service)
    decision_id = service.decide("hero")["decision_id"]
    for i in range(3):
        answer = answer_to(service, decision_id, value=1.0, reward_id=f"r{i}")
        assert "clipped" not in answer
    service.learn(after_s=61)

    assert service.get(f"/v1/decisions/{decision_id}").json["reward"] == 1.0
    # The first one counts whole, the range has no room for the others.
    assert report(service)["decisions"]["rewards_clipped"] == 2
    assert rewards_range(service)["status"] == "warn"


def test_a_value_below_the_minimum_counts_as_the_minimum(
    service: WorkerInProcess,
) -> None:
    create(service)
    decision_id = service.decide("hero")["decision_id"]
    answer_to(service, decision_id, value=0.75, reward_id="order")
    refund = answer_to(service, decision_id, value=-0.75, reward_id="refund")
    service.learn(after_s=61)
    seen = service.get(f"/v1/decisions/{decision_id}").json

    assert refund["clipped"] is True
    assert seen["reward"] == 0.75
    # What was reported stays as it was.
    assert [r["value"] for r in seen["rewards"]] == [0.75, -0.75]


def test_a_repeated_value_outside_the_range_is_counted_once(
    service: WorkerInProcess,
) -> None:
    create(service)
    decision_id = service.decide("hero")["decision_id"]
    for _ in range(3):
        assert answer_to(service, decision_id, value=5)["clipped"] is True
    service.learn(after_s=61)

    assert report(service)["decisions"]["rewards_clipped"] == 1


def test_refused_rewards_are_counted_by_experiment_and_field(
    service: WorkerInProcess,
) -> None:
    create(service, metrics=[DELIVERIES])
    service.create("other", reward={"window_seconds": 60})
    good = service.decide("hero")["decision_id"]
    refused: list[tuple[str, int]] = [
        ('{"decision_id": "%s", "value": "1"}', 400),
        ('{"decision_id": "%s", "value": NaN}', 400),
        ('{"decision_id": "%s", "value": 1, "metric": "returns"}', 400),
        ('{"decision_id": "%s", "value": 1, "occurred_at": "now"}', 400),
        ('{"decision_id": "%s", "value": 1, "colour": "red"}', 400),
    ]
    for body, status in refused:
        assert service.post("/v1/rewards", body % good).status_code == status
    batch = {"rewards": [json.loads(refused[0][0] % good), {"decision_id": "x"}]}
    assert service.post("/v1/rewards/batch", batch).status_code == 202
    # An id that this service did not issue belongs to no experiment.
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    service.post("/v1/rewards", {"decision_id": forged, "value": 1})
    service.learn()
    check = rewards_range(service)

    assert report(service)["decisions"]["rewards_refused"] == 6
    assert check["status"] == "warn"
    assert check["detail"].startswith("6 rewards were refused and left out")
    assert check["detail"].endswith(
        "for these fields: value 3, metric 1, occurred_at 1, other 1"
    )
    other = service.get("/v1/experiments/other/report").json["decisions"]
    assert other["rewards_refused"] == 0


def test_refusals_are_counted_once_however_the_log_is_read(
    service: WorkerInProcess,
) -> None:
    create(service)
    decision_id = service.decide("hero")["decision_id"]
    body = {"decision_id": decision_id, "value": None}
    count = 100
    for i in range(count):
        service.post("/v1/rewards", body)
        if i % 17 == 0:
            service.learn()
    service.learn()
    service.learn()

    assert report(service)["decisions"]["rewards_refused"] == count


def test_a_metric_that_is_not_declared_is_refused_where_any_is(
    service: WorkerInProcess,
) -> None:
    create(service, metrics=[DELIVERIES])
    decision_id = service.decide("hero")["decision_id"]
    problem = answer_to(service, decision_id, value=1, metric="returns")
    declared = answer_to(service, decision_id, value=1, metric="deliveries")

    assert problem["errors"][0]["pointer"] == "/metric"
    assert "this experiment takes 'reward', 'deliveries'" in problem["detail"]
    assert declared["status"] == "accepted"


def test_names_of_metrics_are_bounded_where_none_is_declared(
    service: WorkerInProcess,
) -> None:
    create(service)
    decision_id = service.decide("hero")["decision_id"]
    statuses = [
        answer_to(service, decision_id, value=1, metric=f"m{i}")["status"]
        for i in range(50)
    ]
    again = answer_to(service, decision_id, value=1, metric="m0", reward_id="2")
    service.learn(after_s=61)
    names = {row["metric"] for row in report(service)["metrics"]}

    assert statuses == ["accepted"] * 20 + [400] * 30
    assert again["status"] == "accepted"
    assert names == {f"m{i}" for i in range(20)}
    assert report(service)["decisions"]["rewards_refused"] == 30


def test_a_guardrail_takes_no_more_than_its_range(service: WorkerInProcess) -> None:
    create(service, metrics=[DELIVERIES])
    decision = service.decide("hero")
    above = answer_to(service, decision["decision_id"], value=9, metric="deliveries")
    service.learn(after_s=61)
    (row,) = (r for r in report(service)["metrics"] if r["group"] == decision["group"])

    assert above["clipped"] is True
    assert (row["metric"], row["total"]) == ("deliveries", 5)
    assert report(service)["decisions"]["rewards_clipped"] == 1
