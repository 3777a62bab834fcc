"""A reward of before gets another value: a refund, or a corrected order."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.worker_in_process import Answer, WorkerInProcess

PATH = "/v1/rewards"


@pytest.fixture
def decision_id(service: WorkerInProcess) -> str:
    reward = {"window_seconds": 60, "aggregate": "sum", "maximum": 100}
    service.create("hero", reward=reward)
    return str(service.decide("hero")["decision_id"])


@pytest.fixture
def correct(service: WorkerInProcess, decision_id: str) -> Callable[..., Answer]:
    """Return a function that corrects the reward `order-1` of the decision."""

    def send(value: float, **fields: object) -> Answer:
        body = {"decision_id": decision_id, "value": value, "reward_id": "order-1"}
        return service.post(PATH, body | {"correction": True} | fields)

    return send


def rewards_of(service: WorkerInProcess, decision_id: str) -> Any:
    return service.get(f"/v1/decisions/{decision_id}").json["rewards"]


def test_a_correction_replaces_the_value_before_the_decision_matures(
    service: WorkerInProcess, decision_id: str, correct: Callable[..., Answer]
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    service.reward(decision_id, 6, reward_id="order-2")
    answer = correct(30)
    service.learn(after_s=61)
    seen = service.get(f"/v1/decisions/{decision_id}").json

    assert (answer.status_code, answer.json["status"]) == (202, "corrected")
    assert seen["reward"] == 36
    values = [(r["value"], r.get("corrected_from")) for r in seen["rewards"]]
    assert values == [(30, 84), (6, None)]


@pytest.mark.parametrize("learned", [False, True])
def test_of_several_corrections_the_newest_holds_and_a_repeated_one_changes_nothing(
    service: WorkerInProcess,
    decision_id: str,
    correct: Callable[..., Answer],
    *,
    learned: bool,
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    statuses = []
    for value in (0, 0, 50, 50, 84):
        if learned:
            service.learn()
        service.now_ms += 1
        statuses.append(correct(value).json["status"])
    service.learn()
    (reward,) = rewards_of(service, decision_id)

    assert statuses == ["corrected", "duplicate", "corrected", "duplicate", "corrected"]
    assert reward["value"] == 84
    assert "corrected_from" not in reward


def test_what_is_sent_again_after_a_correction_is_no_conflict(
    service: WorkerInProcess, decision_id: str, correct: Callable[..., Answer]
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    correct(0)
    service.reward(decision_id, 84, reward_id="order-1")
    service.learn()
    (reward,) = rewards_of(service, decision_id)

    assert (reward["value"], reward["conflicts"]) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [({"reward_id": "order-2"}, "/reward_id"), ({"reward_id": None}, "/decision_id")],
)
def test_a_correction_of_an_unknown_reward_is_a_404_and_nothing_is_stored(
    service: WorkerInProcess,
    decision_id: str,
    correct: Callable[..., Answer],
    fields: dict[str, object],
    pointer: str,
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    before = service.stored()
    answer = correct(0, **fields)

    assert answer.status_code == 404
    assert answer.json["errors"][0]["pointer"] == pointer
    assert service.stored() == before


def test_a_correction_needs_a_secret_key(
    service: WorkerInProcess, decision_id: str
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    before = service.stored()
    one = {"decision_id": decision_id, "value": 0, "reward_id": "order-1"}
    body = one | {"correction": True}
    headers = {"Authorization": f"Bearer {service.publishable}"}
    answer = service.post(PATH, body, headers)
    batch = service.post(f"{PATH}/batch", {"rewards": [body]}, headers)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (
        403,
        "/correction",
    )
    assert [r["status"] for r in batch.json["rewards"]] == [403]
    assert service.stored() == before


def test_a_secondary_metric_can_be_corrected_too(
    service: WorkerInProcess, decision_id: str, correct: Callable[..., Answer]
) -> None:
    service.reward(decision_id, 700, reward_id="order-1", metric="revenue")
    answer = correct(-20, metric="revenue")
    service.learn()
    (reward,) = rewards_of(service, decision_id)

    assert answer.json["status"] == "corrected"
    assert (reward["value"], reward["corrected_from"]) == (-20, 700)


def test_a_correction_beyond_the_range_is_clipped_and_counted_and_one_back_is_not(
    service: WorkerInProcess, decision_id: str, correct: Callable[..., Answer]
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    clipped = []
    for value in (120, 130, 30):
        service.now_ms += 1
        assert correct(value).status_code == 202
        service.learn()
        report = service.get("/v1/experiments/hero/report").json
        clipped.append(report["decisions"]["rewards_clipped"])

    assert clipped == [1, 1, 0]


def test_the_report_says_what_was_corrected_and_when(
    service: WorkerInProcess, decision_id: str, correct: Callable[..., Answer]
) -> None:
    service.reward(decision_id, 84, reward_id="order-1")
    service.learn(after_s=61)
    before = service.get("/v1/experiments/hero/report").json["corrections"]
    assert correct(30).status_code == 202
    service.learn()
    pending = service.get("/v1/experiments/hero/report").json["corrections"]
    page = service.get("/experiments/hero").text

    assert before == {"count": 0, "change": 0, "newest_at": None, "pending": 0}
    at = pending.pop("newest_at")
    assert pending == {"count": 1, "change": -54, "pending": 1}
    assert at == "2027-01-15T08:01:01.000Z"
    assert re.search(
        "1 reward has been corrected, by .54[.0]* in total, the last one at", page
    )
    assert "1 correction is not in these numbers yet." in page


def test_a_decision_without_consent_is_corrected_in_its_own_sums(
    service: WorkerInProcess, correct: Callable[..., Answer]
) -> None:
    body = {"experiment": "hero"}
    made = service.post("/v1/decisions", body, {"Sec-GPC": "1"}).json
    for value, reward_id in ((84, "order-1"), (6, "order-2")):
        service.reward(made["decision_id"], value, reward_id=reward_id)
    service.learn(after_s=61)
    means = []
    for value in (30, 30, 0):
        service.now_ms += 1
        assert correct(value, decision_id=made["decision_id"]).status_code == 202
        service.learn()
        report = service.get("/v1/experiments/hero/report").json
        means += [row["mean"] for row in report["without_consent"] if row["n"]]

    assert means == [36, 36, 6]


def test_a_reward_of_a_unit_that_is_sent_again_after_a_refund_is_no_conflict(
    service: WorkerInProcess,
) -> None:
    reward = {"window_seconds": 60, "credit": "last_exposed", "maximum": 100}
    service.create("shop", reward=reward)
    service.decide("shop", unit_id="u")
    body = {"unit_id": "u", "value": 84, "reward_id": "order-9", "experiment": "shop"}
    answers = []
    for fields in ({}, {"value": 0, "correction": True}, {}):
        answers.append(service.post(PATH, body | fields))
        service.learn(after_s=1)
    decisions = service.get("/v1/experiments/shop/report").json["decisions"]

    assert [one.json["status"] for one in answers] == [
        *("accepted", "corrected", "duplicate"),
    ]
    assert decisions["conflicting_rewards"] == 0
    assert decisions["duplicate_rewards"] == 1
