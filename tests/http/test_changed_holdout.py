"""A changed holdout moves few units, and the report counts those that it moved."""

from collections import Counter
from typing import Any

from tests.harness.worker_in_process import WorkerInProcess

UNITS = [f"u{i}" for i in range(300)]


def groups(service: WorkerInProcess) -> list[str]:
    batch = {"decisions": [{"experiment": "hero", "unit_id": unit} for unit in UNITS]}
    answer = service.post("/v1/decisions/batch", batch)
    return [decision["group"] for decision in answer.json["decisions"]]


def decisions(service: WorkerInProcess) -> dict[str, Any]:
    return dict(service.get("/v1/experiments/hero/report").json["decisions"])


def test_units_leave_a_smaller_holdout_and_none_enters_it(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.5, reward={"window_seconds": 1})
    before = groups(service)
    service.learn(after_s=2)
    unmoved = decisions(service)["units_in_both_groups"]
    service.patch("/v1/experiments/hero", {"holdout": 0.1})
    after = groups(service)
    # The same units again: nobody is counted twice.
    again = groups(service)
    service.learn(after_s=2)
    moves = Counter(zip(before, after, strict=True))

    assert unmoved == 0
    assert again == after
    assert moves["treatment", "baseline"] == 0
    # 40 % of 300 units: 120, with a standard error of 8.5.
    assert 80 < moves["baseline", "treatment"] < 160
    assert decisions(service)["units_in_both_groups"] == moves["baseline", "treatment"]


def test_a_unit_that_moves_and_comes_back_within_a_batch_counts_once(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.5)
    first = groups(service)
    service.patch("/v1/experiments/hero", {"holdout": 0.1})
    second = groups(service)
    service.patch("/v1/experiments/hero", {"holdout": 0.5})
    assert groups(service) == first
    service.learn()
    moved = sum(a != b for a, b in zip(first, second, strict=True))

    assert moved > 0
    assert decisions(service)["units_in_both_groups"] == moved


def test_decisions_without_a_unit_are_in_one_group_each(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.5)
    for _ in range(30):
        service.decide("hero")
    service.learn()

    assert decisions(service)["units_in_both_groups"] == 0
