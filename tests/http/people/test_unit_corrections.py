"""Rewards of one name that come in several ways, and corrections that name a unit."""

import pytest

from tests.harness.worker_in_process import StartWorker, WorkerInProcess

REWARD = {"window_seconds": 60, "event": "bought", "credit": "all", "maximum": None}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    started = start_worker()
    for key in ("hero", "other"):
        started.create(key, holdout=0.0, reward=REWARD)
    return started


@pytest.mark.parametrize("after_s", [0.0, 61.0])
def test_the_rewards_of_units_of_an_id_are_those_among_all(
    service: WorkerInProcess, after_s: float
) -> None:
    decided = [service.decide("hero", unit_id="u") for _ in range(3)]
    service.decide("other", unit_id="u")
    service.learn()
    buy = {"value": 9, "reward_id": "o"}
    service.post("/v1/rewards", {"decision_id": decided[0]["decision_id"], **buy})
    service.post("/v1/rewards", {"unit_id": "nobody", **buy, "experiment": "other"})
    service.post("/v1/rewards", {"unit_id": "u", **buy, "experiment": "hero"})
    service.now_ms += 1
    service.post("/v1/events", {"unit_id": "u", "event": "bought", "event_id": "o"})
    service.learn(after_s=after_s)
    kept = service.worker.storage.credits
    every = kept.rewards("o", 100)
    of_units = kept.rewards("o", 100, of_units=True)

    assert {one.source for one in every} == {"decision", "unit", "event"}
    assert sorted(map(repr, of_units)) == sorted(
        repr(one) for one in every if one.source != "decision"
    )


def test_a_reward_of_a_decision_is_not_corrected_by_its_unit(
    service: WorkerInProcess,
) -> None:
    decided = service.decide("hero", unit_id="u")
    service.reward(decided["decision_id"], 1.0, reward_id="o")
    service.learn()
    stored = service.stored()
    refund = {"unit_id": "u", "reward_id": "o", "value": 0, "correction": True}

    assert service.post("/v1/rewards", refund).status_code == 404
    assert service.stored() == stored


@pytest.mark.parametrize("together", [True, False])
def test_an_event_and_a_reward_of_one_name_count_once(
    service: WorkerInProcess, *, together: bool
) -> None:
    decided = [service.decide("hero", unit_id="u") for _ in range(2)]
    service.call("PUT", "/v1/units/u", {"links": ["v"]})
    service.learn()
    reward = {"unit_id": "u", "value": 4, "reward_id": "o"}
    sent: list[tuple[str, dict[str, object]]] = [
        ("/v1/rewards", reward),
        ("/v1/events", {"unit_id": "u", "event": "bought", "event_id": "o"}),
        ("/v1/events", {"unit_id": "v", "event": "bought", "event_id": "o"}),
    ]
    for path, body in sent:
        assert service.post(path, body).status_code == 202
        service.now_ms += 1
        if not together:
            service.learn()
    service.learn(after_s=61)
    views = [service.get(f"/v1/decisions/{d['decision_id']}").json for d in decided]

    assert [view["reward"] for view in views] == [2, 2]
    assert [len(view["rewards"]) for view in views] == [1, 1]
    report = service.get("/v1/experiments/hero/report").json
    assert report["model"]["learned"] == 2
