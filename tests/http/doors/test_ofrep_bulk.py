"""All experiments as feature flags at once: deferred, kept for a time, tagged."""

from typing import Any

import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.services.managing.issue_keys import Restrictions
from tests.harness.worker_in_process import Answer, WorkerInProcess

FLAGS = "/ofrep/v1/evaluate/flags"


def ask(
    service: WorkerInProcess,
    unit_id: str = "u-1",
    headers: dict[str, str] | None = None,
    **context: object,
) -> Answer:
    body = {"context": {"targetingKey": unit_id} | context}
    return service.post(FLAGS, body, headers)


def flags(service: WorkerInProcess, unit_id: str = "u-1") -> dict[str, Any]:
    answer = ask(service, unit_id)
    assert answer.status_code == 200, answer.text
    return {one["key"]: one for one in answer.json["flags"]}


def decision_of(service: WorkerInProcess, unit_id: str = "u-1") -> str:
    return str(flags(service, unit_id)["hero"]["metadata"]["decisionId"])


def decisions_in(service: WorkerInProcess) -> int:
    return sum(isinstance(fact, Decision) for fact in service.logged())


def state_of(service: WorkerInProcess, decision_id: str) -> tuple[str, object]:
    service.learn()
    seen = service.get(f"/v1/decisions/{decision_id}").json
    return seen["state"], seen["reward"]


def test_all_flags_are_evaluated_and_none_counts_as_shown(
    service: WorkerInProcess,
) -> None:
    service.create("hero", exploration_floor=0.5)
    service.create("old", baseline={"kind": "fixed", "variant": "b"})
    service.patch("/v1/experiments/old", {"status": "archived"})
    service.create("later", variants=[{"key": "a", "from": "2040-01-01T00:00:00Z"}])
    found = flags(service)
    told = found["hero"]["metadata"]

    assert found["old"]["reason"] == "DISABLED"
    assert found["later"]["errorCode"] == "GENERAL"
    assert set(found["later"]) == {"key", "errorCode", "errorDetails"}
    seen = service.get(f"/v1/decisions/{told['decisionId']}").json
    assert (seen["state"], seen["propensity"]) == ("deferred", told["propensity"])
    assert seen["variant"] == found["hero"]["variant"]
    service.learn(after_s=100_000)
    report = service.get("/v1/experiments/hero/report").json
    assert (report["decisions"]["joined"], report["decisions"]["unexposed"]) == (0, 1)


def test_no_change_is_304_and_makes_no_decision(service: WorkerInProcess) -> None:
    service.create("hero", reward={"window_seconds": 2_592_000})
    first = ask(service, device="mobile")
    tag = first.headers["ETag"]
    made = decisions_in(service)

    for sent in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = ask(service, headers={"If-None-Match": sent}, device="mobile")
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tag
    service.now_ms += 120_000
    later = ask(service, headers={"If-None-Match": tag}, device="mobile")
    assert later.status_code == 304
    assert decisions_in(service) == made


def test_the_tag_changes_with_unit_context_revision_and_model(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60}, policy={"kind": "linear"})
    tag = ask(service, device="mobile").headers["ETag"]
    sent = {"If-None-Match": tag}

    assert ask(service, "u-2", sent, device="mobile").status_code == 200
    assert ask(service, "u-1", sent, device="desktop").status_code == 200
    assert ask(service, "u-1", sent, device="mobile").status_code == 304
    service.patch("/v1/experiments/hero", {"exploration_floor": 0.4})
    changed = ask(service, "u-1", sent, device="mobile")
    assert changed.status_code == 200
    sent = {"If-None-Match": changed.headers["ETag"]}
    for i in range(20):
        service.reward(service.decide("hero", unit_id=f"v-{i}")["decision_id"], 1.0)
    service.learn(after_s=61)
    trained = ask(service, "u-1", sent, device="mobile")
    assert trained.status_code == 200
    assert trained.json["flags"][0]["metadata"]["policyVersion"] > 0


def test_the_tag_changes_before_a_decision_can_no_longer_be_activated(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 30})
    sent = {"If-None-Match": ask(service).headers["ETag"]}
    service.now_ms += 30_001

    assert ask(service, headers=sent).status_code == 200


def test_one_unit_keeps_its_decision_for_a_minute_and_no_longer(
    service: WorkerInProcess,
) -> None:
    service.create("hero", exploration_floor=1.0)
    for start_s in (1, 20, 59):
        service.now_ms += (60 + start_s) * 1_000
        first = decision_of(service)
        for passed_ms in (1, 30_000, 29_998):
            service.now_ms += passed_ms
            assert decision_of(service) == first
        service.now_ms += 1
        assert decision_of(service) != first


def test_every_worker_gives_the_same_decision(service: WorkerInProcess) -> None:
    service.create("hero", exploration_floor=1.0)
    other = service.beside()
    for i in range(30):
        first, second = (service, other) if i % 2 else (other, service)
        made = flags(first, f"u-{i}")
        assert flags(second, f"u-{i}") == made
    assert decisions_in(service) == 30
    other.close()


@pytest.mark.parametrize("way", ["activate", "reward", "event"])
def test_what_shows_that_it_was_seen_activates_a_decision(
    service: WorkerInProcess, way: str
) -> None:
    service.create("hero", reward={"window_seconds": 60, "event": "bought"})
    seen, unseen = decision_of(service), decision_of(service, "u-2")
    service.now_ms += 20_000
    if way == "activate":
        service.post(f"/v1/decisions/{seen}/activate")
        service.reward(seen, 1.0)
    elif way == "reward":
        service.reward(seen, 1.0)
    else:
        event = {"unit_id": "u-1", "event": "bought", "decision_id": seen, "value": 1}
        assert service.post("/v1/events", event).status_code == 202

    assert state_of(service, seen)[0] == "open"
    service.now_ms += 61_000
    assert state_of(service, seen) == ("joined", 1.0)
    assert state_of(service, unseen) == ("deferred", None)


def test_a_reward_that_is_told_late_activates_from_when_it_happened(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 3_600})
    decided = service.decide("hero", defer=True)["decision_id"]
    service.now_ms += 600_000
    service.reward(decided, 1.0, occurred_at="2027-01-15T08:02:00Z")
    service.learn()
    seen = service.get(f"/v1/decisions/{decided}").json

    assert seen["exposed_at"] == "2027-01-15T08:02:00.000Z"
    assert [one["late"] for one in seen["rewards"]] == [False]


def test_a_reward_after_the_time_to_be_shown_activates_nothing(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    decided = service.decide("hero", defer=True)["decision_id"]
    service.now_ms += 61_000
    service.reward(decided, 1.0)

    assert state_of(service, decided) == ("deferred", None)


def test_a_sticky_experiment_keeps_its_decisions_for_longer(
    service: WorkerInProcess,
) -> None:
    service.create("hero", exploration_floor=1.0, sticky={"for_seconds": 600})
    first = decision_of(service)
    service.now_ms += 300_000

    assert decision_of(service) == first


def test_a_key_of_one_experiment_gets_its_flag_alone(service: WorkerInProcess) -> None:
    service.create("hero")
    service.create("other")
    only = service.issue("publishable", Restrictions(experiments=("other",))).text
    answer = ask(service, headers={"Authorization": f"Bearer {only}"})

    assert [one["key"] for one in answer.json["flags"]] == ["other"]


def test_a_page_may_send_the_tag_and_read_it(service: WorkerInProcess) -> None:
    origin = {"Origin": "https://shop.example"}
    asked = service.client.options(FLAGS, headers=origin)
    service.create("hero")
    got = ask(service, headers=origin)

    allowed = asked.headers["Access-Control-Allow-Headers"].split(", ")
    exposed = got.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Authorization", "Content-Type", "If-None-Match"} <= set(allowed)
    assert {"ETag", "Retry-After"} <= set(exposed)
    again = ask(service, headers=origin | {"If-None-Match": got.headers["ETag"]})
    assert (again.status_code, again.headers["Access-Control-Allow-Origin"]) == (
        *(304, "*"),
    )


def test_without_a_targeting_key_no_flag_is_evaluated(service: WorkerInProcess) -> None:
    service.create("hero")
    before = service.stored()
    answer = service.post(FLAGS, {"context": {"device": "mobile"}})

    assert (answer.status_code, answer.json["errorCode"]) == (
        *(400, "TARGETING_KEY_MISSING"),
    )
    assert "key" not in answer.json
    assert service.stored() == before
