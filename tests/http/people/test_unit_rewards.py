"""Rewards that name a unit, and what becomes of them."""

from contextlib import closing
from typing import Any

import pytest

from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

HOUR_S = 3_600.0
PURCHASE = {"window_seconds": HOUR_S, "event": "purchased", "maximum": None}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    return start_worker()


def shop(service: WorkerInProcess, key: str = "hero", **reward: object) -> None:
    service.create(key, holdout=0.0, reward=PURCHASE | reward)


def buy(service: WorkerInProcess, **fields: object) -> Answer:
    body = {"unit_id": "u", "value": 84, "reward_id": "order-1"} | fields
    return service.post("/v1/rewards", body)


def as_page(service: WorkerInProcess) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.publishable}"}


def outcomes(service: WorkerInProcess, reward_id: str = "order-1") -> list[Any]:
    found: list[Any] = service.get(f"/v1/rewards/{reward_id}").json["rewards"]
    return found


def rewards(service: WorkerInProcess, decided: dict[str, Any]) -> list[Any]:
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json
    return [(r["reward_id"], r["value"], r["source"]) for r in record["rewards"]]


def test_a_reward_of_a_unit_goes_to_its_last_decision(
    service: WorkerInProcess,
) -> None:
    shop(service)
    first, last = (service.decide("hero", unit_id="u") for _ in range(2))
    answer = buy(service, event="purchased")
    on_its_way = outcomes(service)
    service.learn()
    again = buy(service)
    other = buy(service, value=85)

    assert answer.status_code == 202
    assert answer.json == {
        "decision_id": None,
        "metric": "reward",
        "reward_id": "order-1",
        "status": "accepted",
    }
    one = {
        "decision_id": None,
        "experiment": "hero",
        "metric": "reward",
        "value": 84.0,
        "status": "accepted",
        "source": "unit",
    }
    assert on_its_way == [one]
    last_id = last["decision_id"]
    found = [rewards(service, first), rewards(service, last)]
    assert sorted(found) == [[], [("order-1", 84.0, "unit")]]
    assert outcomes(service)[0]["decision_id"] in {first["decision_id"], last_id}
    assert (again.json["status"], other.json["status"]) == ("duplicate", "conflict")
    assert again.json["decision_id"] == outcomes(service)[0]["decision_id"]


def test_the_learner_learns_from_a_reward_of_a_unit(service: WorkerInProcess) -> None:
    shop(service)
    decided = service.decide("hero", unit_id="u")
    service.now_ms += 1_000
    buy(service)
    service.learn(after_s=HOUR_S + 1)

    record = service.get(f"/v1/decisions/{decided['decision_id']}").json
    assert (record["state"], record["reward"]) == ("joined", 84.0)


def test_an_event_that_an_experiment_names_is_a_reward(
    service: WorkerInProcess,
) -> None:
    shop(service)
    shop(service, "by-margin", value="properties.margin")
    decided = {key: service.decide(key, unit_id="u") for key in ("hero", "by-margin")}
    event = {"unit_id": "u", "event": "purchased", "event_id": "e-1", "value": 84}
    sent = event | {"properties": {"margin": 12.5, "item": "dress"}}
    for body in (sent, sent, event | {"event_id": "e-2", "event": "viewed"}):
        assert service.post("/v1/events", body).status_code == 202
    service.learn()

    assert rewards(service, decided["hero"]) == [("e-1", 84.0, "event")]
    assert rewards(service, decided["by-margin"]) == [("e-1", 12.5, "event")]
    assert {one["experiment"] for one in outcomes(service, "e-1")} == {
        "hero",
        "by-margin",
    }


def test_what_a_page_sends_is_credited_to_no_unit(service: WorkerInProcess) -> None:
    shop(service)
    decided = service.decide("hero", unit_id="u")
    body = {"unit_id": "u", "value": 84, "reward_id": "order-1"}
    refused = service.post("/v1/rewards", body, as_page(service))
    event = {"unit_id": "u", "event": "purchased", "value": 84, "event_id": "e-1"}
    taken = service.post("/v1/events", event, as_page(service))
    service.learn()

    assert refused.status_code == 403
    assert refused.json["errors"][0]["pointer"] == "/unit_id"
    assert (taken.status_code, taken.json["status"]) == (202, "accepted")
    assert rewards(service, decided) == []
    assert service.get("/v1/rewards/e-1").status_code == 404


def test_a_page_may_send_the_event_of_a_decision(service: WorkerInProcess) -> None:
    shop(service)
    decided = service.decide("hero", unit_id="u")
    event = {
        "unit_id": "u",
        "event": "purchased",
        "value": 84,
        "event_id": "e-1",
        "decision_id": decided["decision_id"],
    }
    sent = [service.post("/v1/events", event, as_page(service)) for _ in range(2)]
    sent.append(service.post("/v1/events", event))
    forged = service.post("/v1/events", event | {"decision_id": "x"}, as_page(service))
    other = service.post("/v1/events", event | {"event": "viewed"}, as_page(service))
    service.learn()

    assert [answer.status_code for answer in sent] == [202] * 3
    assert rewards(service, decided) == [("e-1", 84.0, "decision")]
    for refused in (forged, other):
        assert refused.status_code == 400
        assert refused.json["errors"][0]["pointer"] == "/decision_id"


def test_a_reward_of_an_unknown_unit_waits_in_quarantine(
    service: WorkerInProcess,
) -> None:
    shop(service)
    sent = buy(service, unit_id="signed-in")
    service.learn()
    waiting = outcomes(service)
    service.now_ms += 1_000
    anonymous = service.decide("hero", unit_id="anon")
    service.now_ms += 1_000
    again = buy(service, unit_id="signed-in", reward_id="order-2")
    service.learn(after_s=20)
    before = outcomes(service, "order-2")
    service.call("PUT", "/v1/units/signed-in", {"links": ["anon"]})
    service.learn()

    assert sent.json["status"] == "quarantined"
    assert [one["status"] for one in waiting] == ["quarantined"]
    assert again.json["status"] == "accepted"
    assert [one["status"] for one in before] == ["quarantined"]
    assert rewards(service, anonymous) == [("order-2", 84.0, "unit")]


def test_the_owner_of_an_experiment_sees_what_found_no_decision(
    service: WorkerInProcess,
) -> None:
    shop(service)
    shop(service, "other")
    service.decide("other", unit_id="u")
    buy(service)
    buy(service, unit_id="nobody", reward_id="order-2", experiment="hero")
    service.learn()
    service.learn(after_s=11)
    service.learn(after_s=11)

    def detail(key: str) -> str:
        health = service.get(f"/v1/experiments/{key}/report").json["health"]
        found = {check["check"]: check for check in health}
        assert found["orphan_rewards"]["status"] == "ok"
        return str(found["orphan_rewards"]["detail"])

    assert "1 reward of units found no decision within 10 s" in detail("hero")
    assert "of units" not in detail("other")
    # order-1 found one in the other experiment.
    (waiting,) = service.worker.storage.credits.quarantined(9)
    assert waiting.reward_id == "order-2"


def test_a_reward_waits_for_the_days_that_are_set(service: WorkerInProcess) -> None:
    shop(service)
    buy(service)
    service.learn()
    service.learn(after_s=7 * 24 * HOUR_S - 1)
    before = service.worker.storage.credits.count_quarantined()
    service.learn(after_s=2)

    assert (before, service.worker.storage.credits.count_quarantined()) == (1, 0)
    counts = service.worker.storage.facts.totals(1).counts
    assert counts["quarantine_given_up"] == 1
    assert service.worker.storage.facts.check() == []


def test_many_decisions_are_activated_at_once_for_as_long_as_is_declared(
    service: WorkerInProcess,
) -> None:
    service.create(
        "hero",
        holdout=0.0,
        reward={"window_seconds": 60},
        expose_within_seconds=12 * HOUR_S,
    )
    decided = [service.decide("hero", defer=True)["decision_id"] for _ in range(3)]
    plain = service.decide("hero")["decision_id"]
    service.now_ms += round(11 * HOUR_S * 1_000)
    answer = service.post(
        "/v1/activations/batch", {"decision_ids": [*decided[:2], plain, "x"]}
    )
    service.now_ms += 30_000
    service.reward(decided[0], 1.0)
    service.now_ms += round(HOUR_S * 1_000)
    late = service.post("/v1/activations/batch", {"decision_ids": decided[2:]})
    service.learn(after_s=70)
    many = service.post("/v1/activations/batch", {"decision_ids": ["x"] * 1_001})

    items = answer.json["activations"]
    assert answer.status_code == 202
    assert [one["status"] for one in items] == ["accepted", "accepted", 409, 400]
    assert items[0]["decision_id"] == decided[0]
    assert items[3]["errors"][0]["pointer"] == "/decision_ids/3"
    (expired,) = late.json["activations"]
    assert expired["status"] == 409
    assert "expose_within_seconds" in expired["detail"]
    assert many.status_code == 400
    records = [service.get(f"/v1/decisions/{id_}").json for id_ in decided]
    assert [one["state"] for one in records] == ["joined", "joined", "deferred"]
    assert records[0]["reward"] == 1.0


def test_a_reward_after_the_decision_was_learned_is_late(
    service: WorkerInProcess,
) -> None:
    shop(service, within_seconds=10 * HOUR_S)
    decided = service.decide("hero", unit_id="u")
    service.learn(after_s=HOUR_S + 1)
    answer = buy(service)
    service.learn()

    assert answer.json["status"] == "late"
    assert [one["status"] for one in outcomes(service)] == ["late"]
    report = service.get("/v1/experiments/hero/report").json
    assert report["decisions"]["late_rewards"] == 1
    assert service.get(f"/v1/decisions/{decided['decision_id']}").json["reward"] == 0


def test_a_reward_of_a_unit_without_consent_is_not_kept(
    service: WorkerInProcess,
) -> None:
    shop(service)
    service.call("PUT", "/v1/units/u", {"consent": "denied"})
    service.learn()
    before = service.stored()
    answer = buy(service)

    assert (answer.status_code, answer.json["status"]) == (202, "dropped")
    assert service.stored() == before
    assert service.get("/v1/rewards/order-1").status_code == 404


def test_a_reward_for_one_experiment_goes_to_no_other(
    service: WorkerInProcess,
) -> None:
    shop(service)
    shop(service, "other")
    decided = {key: service.decide(key, unit_id="u") for key in ("hero", "other")}
    buy(service, experiment="other")
    service.learn()

    assert rewards(service, decided["hero"]) == []
    assert rewards(service, decided["other"]) == [("order-1", 84.0, "unit")]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"reward_id": None}, "/reward_id"),
        ({"unit_id": ""}, "/unit_id"),
        ({"event": "viewed"}, "/event"),
        ({"metric": "margin"}, "/metric"),
        ({"decision_id": "d"}, "/unit_id"),
        ({"unit_id": None}, "/decision_id"),
        ({"occurred_at": "1970-01-01T00:00:00Z"}, "/occurred_at"),
        ({"value": "84"}, "/value"),
    ],
)
def test_a_bad_reward_of_a_unit_is_refused_and_nothing_is_stored(
    service: WorkerInProcess, fields: dict[str, object], pointer: str
) -> None:
    shop(service)
    before = service.logged()
    answer = buy(service, **fields)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert service.logged() == before


def test_an_experiment_without_credit_takes_no_reward_of_a_unit(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    answers = [buy(service), buy(service, experiment="hero")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "reward.credit" in answers[0].json["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("reward", "pointer"),
    [
        ({"event": ""}, "/reward/event"),
        ({"value": "revenue"}, "/reward/value"),
        ({"value": "properties."}, "/reward/value"),
        ({"credit": "first"}, "/reward/credit"),
        ({"within_seconds": 0}, "/reward/within_seconds"),
        ({"within_seconds": 8e6}, "/reward/within_seconds"),
    ],
)
def test_a_rule_of_credit_that_cannot_be_followed_is_refused(
    service: WorkerInProcess, reward: dict[str, object], pointer: str
) -> None:
    definition = {"key": "hero", "variants": [{"key": "a"}], "reward": reward}
    answer = service.post("/v1/experiments", definition)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_reward_of_a_decision_is_answered_with_what_is_known_of_it(
    service: WorkerInProcess,
) -> None:
    service.create("hero", holdout=0.0, reward={"window_seconds": 60})
    decided, other = (service.decide("hero") for _ in range(2))

    def send(decision: dict[str, Any], value: float, **fields: object) -> object:
        body = {"decision_id": decision["decision_id"], "value": value} | fields
        return service.post("/v1/rewards", body).json["status"]

    first = send(decided, 1)
    service.learn()
    after = [send(decided, 1), send(decided, 0.5), send(decided, 1, reward_id="b")]
    service.learn(after_s=70)

    assert first == "accepted"
    assert after == ["duplicate", "conflict", "accepted"]
    assert send(other, 1) == "late"


def test_a_refund_corrects_the_reward_of_a_unit(service: WorkerInProcess) -> None:
    shop(service)
    decided = service.decide("hero", unit_id="u")
    buy(service)
    early = buy(service, value=50, correction=True)
    service.learn()
    refunded = buy(service, value=0, correction=True)
    again = buy(service, value=0, correction=True)
    service.learn()
    same = buy(service, value=0, correction=True)
    unknown = buy(service, reward_id="order-2", correction=True)
    service.learn(after_s=HOUR_S + 1)

    statuses = [one.json["status"] for one in (early, refunded, again, same)]
    assert statuses == ["corrected", "corrected", "corrected", "duplicate"]
    assert unknown.status_code == 404
    assert unknown.json["errors"][0]["pointer"] == "/reward_id"
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json
    (reward,) = record["rewards"]
    assert (reward["value"], reward["corrected_from"]) == (0.0, 84.0)
    assert record["reward"] == 0.0
    assert [one["status"] for one in outcomes(service)] == ["corrected"]


def test_another_worker_credits_what_one_has_decided(service: WorkerInProcess) -> None:
    shop(service)
    decided = service.decide("hero", unit_id="u")
    with closing(service.beside()) as other:
        other.secret = service.secret
        assert buy(other).json["status"] == "accepted"
    service.learn()

    assert rewards(service, decided) == [("order-1", 84.0, "unit")]
