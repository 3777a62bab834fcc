"""A page by HTTP: its answer, its rewards, its records, its refusals."""

import math
from typing import Any

import pytest

from tests.harness.worker_in_process import WorkerInProcess

ROWS: list[dict[str, Any]] = [
    {"key": key, "features": {"title": key[0]}, "payload": {"row": key}}
    for key in ("continue", "classics", "documentary", "new")
]
PAGE = {"decision_id", "experiment", "slots", "propensity", "group"} | {
    "model_version",
    "expires_at",
}


@pytest.fixture
def rows(service: WorkerInProcess) -> WorkerInProcess:
    service.create("home-rows", variants=ROWS, reward={"maximum": 10.0})
    return service


def test_a_page_answers_with_its_slots_and_the_product_of_their_chances(
    rows: WorkerInProcess,
) -> None:
    answer = rows.post(
        "/v1/decisions", {"experiment": "home-rows", "unit_id": "u", "slots": 3}
    )

    assert answer.status_code == 201
    page = answer.json
    assert set(page) == PAGE
    assert [slot["slot"] for slot in page["slots"]] == [1, 2, 3]
    for slot in page["slots"]:
        assert set(slot) == {
            *("slot", "variant", "payload", "propensity", "decision_id")
        }
        assert slot["payload"] == {"row": slot["variant"]}
        assert slot["decision_id"] == f"{page['decision_id']}.{slot['slot']}"
    assert len({slot["variant"] for slot in page["slots"]}) == 3
    product = math.prod(slot["propensity"] for slot in page["slots"])
    assert math.isclose(page["propensity"], product)


def test_pinned_slots_say_so(rows: WorkerInProcess) -> None:
    page = rows.decide("home-rows", slots=2, pinned={"1": "continue"})

    first, second = page["slots"]
    assert (first["variant"], first["propensity"], first["pinned"]) == (
        "continue",
        1.0,
        True,
    )
    assert "pinned" not in second


def test_a_definition_may_say_how_many_slots_there_are(rows: WorkerInProcess) -> None:
    rows.create("fixed-page", variants=ROWS, slots=2)

    assert len(rows.decide("fixed-page")["slots"]) == 2
    assert len(rows.decide("fixed-page", slots=3)["slots"]) == 3


def test_a_batch_makes_pages_and_refuses_one_alone(rows: WorkerInProcess) -> None:
    asked = [{"experiment": "home-rows", "slots": n} for n in (2, 5, 51)]

    good, few, many = rows.post("/v1/decisions/batch", {"decisions": asked}).json[
        "decisions"
    ]

    assert len(good["slots"]) == 2
    assert few["status"] == 422
    assert many["status"] == 400
    assert many["errors"][0]["pointer"] == "/decisions/2/slots"


def test_rewards_go_to_a_slot_or_to_the_page(rows: WorkerInProcess) -> None:
    page = rows.decide("home-rows", unit_id="u", slots=2)
    rows.reward(page["slots"][1]["decision_id"], 1.0, reward_id="play")
    rows.reward(page["decision_id"], 2.0, reward_id="long-visit")
    rows.learn(after_s=3600)

    whole = rows.get(f"/v1/decisions/{page['decision_id']}").json
    second = rows.get(f"/v1/decisions/{page['slots'][1]['decision_id']}").json

    assert (whole["state"], whole["reward"]) == ("joined", 3.0)
    assert [(r["value"], r.get("slot")) for r in whole["rewards"]] == [
        (2.0, None),
        (1.0, 2),
    ]
    assert [slot["variant"] for slot in whole["slots"]] == [
        slot["variant"] for slot in page["slots"]
    ]
    assert second["variant"] == page["slots"][1]["variant"]
    assert second["propensity"] == page["slots"][1]["propensity"]
    assert second["context"]["slot"]["after"] == page["slots"][0]["variant"]
    assert (second["reward"], len(second["rewards"])) == (1.0, 1)


@pytest.mark.parametrize("slot", [".0", ".01", ".3", ".51", ".x", "."])
def test_a_slot_that_a_page_lacks_is_not_found(
    rows: WorkerInProcess, slot: str
) -> None:
    page = rows.decide("home-rows", unit_id="u", slots=2)

    assert rows.get(f"/v1/decisions/{page['decision_id']}{slot}").status_code == 404


def test_a_slot_of_a_forged_page_is_refused(rows: WorkerInProcess) -> None:
    page = rows.decide("home-rows", unit_id="u", slots=2)["decision_id"]
    forged = page[:-1] + ("a" if page[-1] != "a" else "b")

    answer = rows.post("/v1/rewards", {"decision_id": f"{forged}.1", "value": 1})

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/decision_id"


def test_pages_need_rewards_that_are_learned_at_maturity(
    rows: WorkerInProcess,
) -> None:
    rows.create("early", variants=ROWS, reward={"learn_on": "first_reward"})

    answer = rows.post("/v1/decisions", {"experiment": "early", "slots": 2})

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/slots"
