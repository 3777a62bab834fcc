"""Corrections of webhooks that have no mapping: their order, and what they leave."""

import pytest

from tests.harness.web.signed import Source
from tests.harness.worker_in_process import StartWorker, WorkerInProcess


@pytest.fixture
def shop(start_worker: StartWorker) -> WorkerInProcess:
    service = start_worker()
    reward = {"window_seconds": 3_600.0, "credit": "last_exposed", "maximum": None}
    service.create("hero", holdout=0.0, reward=reward)
    return service


def test_without_times_each_delivery_counts_when_it_came_first(
    shop: WorkerInProcess,
) -> None:
    source = Source(shop, "standard-webhooks")
    shop.decide("hero", unit_id="u")
    told = []
    for message_id, value in (("m-1", 80), ("m-2", 60), ("m-1", 80), ("m-2", 60)):
        shop.now_ms += 1_000
        order = {"unit_id": "u", "reward_id": "o-1", "value": value}
        body: dict[str, object] = {"type": "reward", "data": order}
        order["correction"] = True
        answer = source.send(body, message_id)
        told += [one["status"] for one in answer.json["outcomes"]]
    shop.learn()

    assert told[:3] == ["accepted", "corrected", "superseded"]
    (kept,) = shop.get("/v1/rewards/o-1").json["rewards"]
    assert kept["value"] == 60.0


@pytest.mark.parametrize("times", [{}, {"timestamp": "2027-01-15T07:00:00Z"}])
@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "none"},
        {"value": 10**400},
        {"value": "x"},
        {"event": "no"},
        {"experiment": "none"},
    ],
)
def test_a_correction_that_can_not_be_leaves_nothing(
    shop: WorkerInProcess, wrong: dict[str, object], times: dict[str, object]
) -> None:
    source = Source(shop, "standard-webhooks")
    shop.decide("hero", unit_id="u")
    before = shop.stored()
    order = {"unit_id": "u", "reward_id": "o-1", "value": 4, "correction": True}
    answer = source.send({"type": "reward", "data": order | wrong} | times)

    assert answer.status_code == 400, answer.text
    assert shop.stored() == before
