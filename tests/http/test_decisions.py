"""Deciding, activating and reading decisions, to the letter of the contract."""

import re
from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess

PAYLOAD = {"img": "https://x/y.png", "n": [1, 2.5, None, True], "é": {"deep": {}}}
ANSWER_FIELDS = {
    "decision_id",
    "experiment",
    "variant",
    "payload",
    "propensity",
    "group",
    "model_version",
    "expires_at",
}


def test_a_decision_answers_201_with_every_field_of_the_contract(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.0, policy={"kind": "uniform"})
    answer = service.post("/v1/decisions", {"experiment": "hero"})

    assert answer.status_code == 201
    assert answer.mimetype == "application/json"
    assert set(answer.json) == ANSWER_FIELDS
    assert answer.json["experiment"] == "hero"
    assert answer.json["variant"] in {"a", "b"}
    assert answer.json["propensity"] == 0.5
    assert answer.json["group"] == "treatment"
    assert answer.json["model_version"] == 0
    # The clock of the test and the window of 1,800 s.
    assert answer.json["expires_at"] == "2027-01-15T08:30:00.000Z"
    assert re.fullmatch(r"[\w~]{40}", answer.json["decision_id"])


def test_a_payload_is_handed_back_untouched(service: WorkerInProcess) -> None:
    variants = [{"key": "a", "payload": PAYLOAD}, {"key": "b"}]
    service.create("hero", variants=variants)

    assert service.decide("hero", variants=["a"])["payload"] == PAYLOAD
    assert service.decide("hero", variants=["b"])["payload"] is None


def test_a_request_may_bring_whole_variants_where_the_experiment_allows_it(
    service: WorkerInProcess,
) -> None:
    service.create("hero", request_variants="replace")
    brought = {"key": "new", "features": {"price": 3}, "payload": PAYLOAD}
    decided = service.decide("hero", variants=[brought])

    assert (decided["variant"], decided["payload"]) == ("new", PAYLOAD)
    assert decided["propensity"] == 1.0


def test_the_baseline_group_is_answered_where_its_variant_is_excluded(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.9, variants=[{"key": k} for k in "abc"])
    decided = [service.decide("hero", exclude=["a"]) for _ in range(40)]

    assert {d["variant"] for d in decided} == {"b", "c"}
    assert "baseline" in {d["group"] for d in decided}


def test_a_unit_stays_in_its_group(service: WorkerInProcess) -> None:
    service.create("hero", holdout=0.5)
    units = [f"u-{n}" for n in range(30)]
    first = [service.decide("hero", unit_id=unit)["group"] for unit in units]

    assert {"treatment", "baseline"} == set(first)
    assert first == [service.decide("hero", unit_id=u)["group"] for u in units]


def test_a_repeated_request_gets_the_first_answer_before_and_after_it_was_stored(
    service: WorkerInProcess,
) -> None:
    service.create("hero", policy={"kind": "uniform"})
    first = service.decide("hero", request_id="r-1")
    at_once = service.decide("hero", request_id="r-1")
    service.learn(after_s=2_000)
    later = service.decide("hero", request_id="r-1")

    assert first == at_once == later
    assert service.decide("hero", request_id="r-2") != first


def test_a_batch_answers_in_order_and_one_bad_request_fails_alone(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    service.create("other")
    requests: list[Any] = [
        {"experiment": "hero", "unit_id": "u"},
        {"experiment": "hero", "context": {"a": [1]}},
        {"experiment": "other"},
        {"experiment": "nope"},
        5,
        {"experiment": "hero", "unit_id": "x" * 70_000},
        {"experiment": "other", "exclude": ["a", "b"]},
        {"experiment": "hero"},
    ]
    answer = service.post("/v1/decisions/batch", {"decisions": requests})
    found = answer.json["decisions"]

    assert answer.status_code == 200
    assert [d.get("experiment", d.get("status")) for d in found] == [
        *("hero", 400, "other", 404, 400, 413, 422, "hero"),
    ]
    assert [d["errors"][0]["pointer"] for d in found if d.get("errors")] == [
        "/decisions/1/context/a",
        "/decisions/3/experiment",
        "/decisions/4",
        "/decisions/5",
    ]
    service.learn()
    assert service.get("/v1/experiments/hero/report").json["decisions"]["pending"] == 2


def test_a_batch_may_hold_a_thousand_and_none(service: WorkerInProcess) -> None:
    service.create("hero", policy={"kind": "uniform"})
    thousand = {"decisions": [{"experiment": "hero"}] * 1000}
    answers = service.post("/v1/decisions/batch", thousand).json["decisions"]

    assert len({answer["decision_id"] for answer in answers}) == 1000
    assert service.post("/v1/decisions/batch", {"decisions": []}).json == {
        "decisions": []
    }


def test_a_decision_can_be_read_at_every_stage(service: WorkerInProcess) -> None:
    service.create("hero", reward={"window_seconds": 60})
    context = {"device": "mobile", "user": {"segment": "new"}}
    decided = service.decide("hero", unit_id="u", context=context, request_id="r")
    path = f"/v1/decisions/{decided['decision_id']}"
    fresh = service.get(path)
    service.reward(decided["decision_id"], 0.5, reward_id="order-1")
    service.learn()
    waiting = service.get(path).json
    service.learn(after_s=61)
    joined = service.get(path).json

    assert fresh.status_code == 200
    assert (fresh.json["state"], fresh.json["rewards"]) == ("open", [])
    for seen in (fresh.json, waiting, joined):
        assert {n: seen[n] for n in ("unit_id", "context", "request_id")} == {
            "unit_id": "u",
            "context": context,
            "request_id": "r",
        }
        for name in ("decision_id", "experiment", "variant", "propensity", "group"):
            assert seen[name] == decided[name]
        for chance in ("probability", "treatment", "baseline"):
            assert sum(v[chance] for v in seen["variants"]) == pytest.approx(1)
        own = {v["variant"]: v[seen["group"]] for v in seen["variants"]}
        assert own[seen["variant"]] == seen["propensity"]
        assert (
            seen["group_chance"] == {"treatment": 0.9, "baseline": 0.1}[seen["group"]]
        )
    assert (waiting["state"], waiting["reward"]) == ("open", None)
    assert waiting["closes_at"] == "2027-01-15T08:01:00.000Z"
    assert waiting["rewards"][0]["value"] == 0.5
    assert (joined["state"], joined["reward"], joined["position"]) == ("joined", 0.5, 1)


def test_a_deferred_decision_counts_only_once_it_is_activated(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    shown, unseen = (service.decide("hero", defer=True) for _ in range(2))
    path = f"/v1/decisions/{shown['decision_id']}/activate"
    first = service.post(path)
    second = service.post(path)
    service.learn(after_s=61)
    report = service.get("/v1/experiments/hero/report").json
    states = [
        service.get(f"/v1/decisions/{d['decision_id']}").json["state"]
        for d in (shown, unseen)
    ]

    assert first.status_code == second.status_code == 202
    assert first.json == {
        "decision_id": shown["decision_id"],
        "activated_at": "2027-01-15T08:00:00.000Z",
        "status": "accepted",
    }
    assert states == ["joined", "deferred"]
    assert (report["decisions"]["joined"], report["decisions"]["unexposed"]) == (1, 1)


def test_a_decision_not_read_by_the_learner_yet_says_whether_it_is_deferred(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    decided = service.decide("hero", defer=True)
    seen = service.get(f"/v1/decisions/{decided['decision_id']}").json

    assert (seen["state"], seen["exposed_at"]) == ("deferred", None)
    assert seen["deferred"] is True
