"""Pages by OpenFeature's protocol, on the pages of the dashboard, and by way of why."""

from typing import Any

from tests.harness.worker_in_process import StartWorker, WorkerInProcess

ROWS: list[dict[str, Any]] = [
    {"key": key, "payload": {"row": key}} for key in ("continue", "classics", "new")
]
FLAG = "/ofrep/v1/evaluate/flags/home-rows"


def evaluated(service: WorkerInProcess) -> dict[str, Any]:
    answer = service.post(FLAG, {"context": {"targetingKey": "u-1"}})
    assert answer.status_code == 200
    return dict(answer.json)


def test_a_flag_of_slots_is_a_list_from_the_top(service: WorkerInProcess) -> None:
    service.create("home-rows", variants=ROWS, slots=2)

    flag = evaluated(service)

    shown = flag["variant"].split(",")
    assert flag["value"] == [{"row": key} for key in shown]
    assert len(shown) == len(set(shown)) == 2
    told = flag["metadata"]
    service.learn()
    page = service.get(f"/v1/decisions/{told['decisionId']}").json
    assert [slot["variant"] for slot in page["slots"]] == shown
    chance = page["slots"][0]["propensity"] * page["slots"][1]["propensity"]
    assert abs(told["propensity"] - chance) < 1e-12


def test_a_stopped_page_shows_the_baselines(service: WorkerInProcess) -> None:
    baseline = {"kind": "weighted", "weights": {"new": 3, "classics": 2, "continue": 1}}
    service.create("home-rows", variants=ROWS, slots=2, baseline=baseline)
    service.patch("/v1/experiments/home-rows", {"status": "paused"})

    flag = evaluated(service)

    assert (flag["reason"], flag["variant"]) == ("DISABLED", "new,classics")
    assert flag["value"] == [{"row": "new"}, {"row": "classics"}]


def test_the_page_and_its_slots_have_receipts_and_reasons(
    start_worker: StartWorker,
) -> None:
    service = start_worker(dev=True)
    service.create("home-rows", variants=ROWS, reward={"window_seconds": 60})
    page = service.decide("home-rows", unit_id="u-1", slots=2)
    service.reward(page["slots"][1]["decision_id"], 1.0)
    service.learn(after_s=120)

    for decision_id in (page["decision_id"], page["slots"][1]["decision_id"]):
        shown = service.client.get(f"/experiments/home-rows/decisions/{decision_id}")
        assert shown.status_code == 200, shown.text
        assert "differs" not in shown.text
        assert service.get(f"/v1/why/{decision_id}").status_code == 200
    assert "stands above, in another slot of the page" in shown.text
    report = service.client.get("/experiments/home-rows")
    assert report.status_code == 200
    assert "1 page had several slots" in report.text
