"""What a page tells in one body, with the key in it, as a beacon does."""

import json
from typing import Any

import pytest

from bandit_svc.services.managing.issue_keys import Restrictions
from bandit_svc.storage.keys import Scope
from tests.harness.worker_in_process import Answer, WorkerInProcess

ORIGIN = {"Origin": "https://shop.example"}


def told(
    service: WorkerInProcess, key: object, *, origin: str = "", **lists: object
) -> Answer:
    """Send what `navigator.sendBeacon` sends: text, and no header of the page's."""
    answer = service.client.post(
        "/v1/outcomes",
        data=json.dumps({"key": key} | lists),
        content_type="text/plain;charset=UTF-8",
        headers={"Origin": origin} if origin else {},
    )
    assert isinstance(answer, Answer)
    return answer


def known(service: WorkerInProcess, decision_id: str) -> Any:
    service.learn()
    return service.get(f"/v1/decisions/{decision_id}").json


def test_a_beacon_reports_rewards_events_and_activations(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"event": "bought", "window_seconds": 60})
    shown, deferred = (service.decide("hero", defer=d) for d in (False, True))
    answer = told(
        service,
        service.publishable,
        rewards=[{"decision_id": shown["decision_id"], "value": 0.5}],
        events=[
            {"unit_id": "u", "event": "viewed", "event_id": "e-1"},
            {"unit_id": "u", "event": "viewed", "event_id": "e-1"},
        ],
        decision_ids=[deferred["decision_id"]],
    )

    assert answer.status_code == 202
    assert [one["status"] for one in answer.json["rewards"]] == ["accepted"]
    assert [one["status"] for one in answer.json["events"]] == ["accepted"] * 2
    (activation,) = answer.json["activations"]
    assert activation["decision_id"] == deferred["decision_id"]
    (reward,) = known(service, shown["decision_id"])["rewards"]
    assert reward["value"] == 0.5
    assert known(service, deferred["decision_id"])["state"] == "open"


def test_a_body_that_comes_twice_counts_once(service: WorkerInProcess) -> None:
    service.create("hero")
    decision_id = service.decide("hero")["decision_id"]
    body: dict[str, Any] = {
        "rewards": [{"decision_id": decision_id, "value": 1.0, "reward_id": "r"}]
    }
    first = told(service, service.publishable, **body)
    service.learn()
    second = told(service, service.publishable, **body)

    statuses = [one.json["rewards"][0]["status"] for one in (first, second)]
    assert statuses == ["accepted", "duplicate"]
    assert len(known(service, decision_id)["rewards"]) == 1


def test_one_bad_item_does_not_fail_the_others(service: WorkerInProcess) -> None:
    service.create("hero")
    decision_id = service.decide("hero")["decision_id"]
    answer = told(
        service,
        service.publishable,
        rewards=[{"decision_id": decision_id, "value": v} for v in ("x", 1.0)],
        events=[{"unit_id": ""}],
        decision_ids=["d-1", decision_id],
    )

    assert answer.status_code == 202
    refused, taken = answer.json["rewards"]
    assert (refused["status"], taken["status"]) == (400, "accepted")
    assert refused["errors"][0]["pointer"] == "/rewards/0/value"
    assert answer.json["events"][0]["status"] == 400
    assert [one["status"] for one in answer.json["activations"]] == [400, 409]
    assert len(known(service, decision_id)["rewards"]) == 1


@pytest.mark.parametrize("key", [None, "", "bpk_wrong"])
def test_a_body_without_a_valid_key_stores_nothing(
    service: WorkerInProcess, key: str | None
) -> None:
    service.create("hero")
    decision_id = service.decide("hero")["decision_id"]
    body: dict[str, Any] = {"rewards": [{"decision_id": decision_id, "value": 1.0}]}

    assert told(service, key, **body).status_code == 401
    assert known(service, decision_id)["rewards"] == []


def test_the_key_of_the_header_is_not_that_of_the_body(
    service: WorkerInProcess,
) -> None:
    for headers in ({}, ORIGIN):
        answer = service.post("/v1/outcomes", {"rewards": []}, headers=headers)
        assert answer.status_code == 401


@pytest.mark.parametrize("scope", ["secret", "metrics"])
def test_only_a_publishable_key_may_stand_in_a_page(
    service: WorkerInProcess, scope: Scope
) -> None:
    service.create("hero")
    decision_id = service.decide("hero")["decision_id"]
    key = service.issue(scope).text
    answer = told(service, key, rewards=[{"decision_id": decision_id, "value": 1.0}])

    assert answer.status_code == 403
    assert key not in answer.text
    assert known(service, decision_id)["rewards"] == []


def test_the_restrictions_of_a_key_hold_here_too(service: WorkerInProcess) -> None:
    for experiment in ("hero", "other"):
        service.create(experiment)
    mine, others = (service.decide(e)["decision_id"] for e in ("hero", "other"))
    key = service.issue(
        "publishable",
        Restrictions(experiments=("hero",), origins=("https://shop.example",)),
    ).text
    body: dict[str, Any] = {
        "rewards": [{"decision_id": id_, "value": 1.0} for id_ in (mine, others)]
    }

    assert told(service, key, **body).status_code == 403
    assert told(service, key, **body, origin="https://evil.example").status_code == 403
    answer = told(service, key, **body, origin="https://shop.example")
    assert [one["status"] for one in answer.json["rewards"]] == ["accepted", 403]


def test_pages_of_any_origin_read_the_answer_and_no_cache_keeps_it(
    service: WorkerInProcess,
) -> None:
    answer = told(service, service.publishable, origin="https://shop.example")

    assert answer.json == {"rewards": [], "events": [], "activations": []}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_page_of_a_browser_that_asks_for_privacy_leaves_no_event(
    service: WorkerInProcess,
) -> None:
    body = {"key": service.publishable, "events": [{"unit_id": "u", "event": "seen"}]}
    answer = service.client.post(
        "/v1/outcomes", data=json.dumps(body), headers={"Sec-GPC": "1"}
    )

    assert answer.json is not None
    assert answer.json["events"][0]["status"] == "dropped"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", ""),
        (b"[]", ""),
        (b'{"key": 1}', "/key"),
        (b'{"rewards": {}}', "/rewards"),
        (b'{"decision_ids": [1]}', "/decision_ids/0"),
        (b'{"visits": []}', "/visits"),
        (json.dumps({"decision_ids": ["d"] * 1001}).encode(), "/decision_ids"),
    ],
)
def test_a_body_of_another_shape_is_refused(
    service: WorkerInProcess, body: bytes, pointer: str
) -> None:
    answer = service.client.post("/v1/outcomes", data=body)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == pointer
