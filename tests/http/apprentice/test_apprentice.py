"""An apprentice over HTTP: requests, answers, look-ups, batches, flags, exports."""

import pytest

from tests.harness.worker_in_process import StartWorker, WorkerInProcess


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    worker = start_worker()
    worker.create("hero", mode="apprentice", holdout=0.5)
    return worker


def test_a_request_tells_what_is_shown_and_the_answer_says_so(
    service: WorkerInProcess,
) -> None:
    known = service.decide("hero", unit_id="u", shown="b", shown_propensity=0.3)
    assert (known["variant"], known["propensity"]) == ("b", 0.3)
    assert (known["mode"], known["group"]) == ("apprentice", "treatment")
    unknown = service.decide("hero", unit_id="u", shown="a", shown_propensity=None)
    assert (unknown["variant"], unknown["propensity"]) == ("a", None)

    record = service.get(f"/v1/decisions/{known['decision_id']}").json
    assert (record["source"], record["propensity"]) == ("caller", 0.3)
    assert record["group_chance"] == 1.0
    chances = {one["variant"]: one for one in record["variants"]}
    assert chances["b"]["probability"] == 1.0
    assert sum(one["treatment"] for one in chances.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({}, 422, "/shown"),
        ({"shown": "z"}, 422, "/shown"),
        ({"shown": "a", "exclude": ["a"]}, 422, "/shown"),
        ({"shown": "a", "slots": 2}, 422, "/slots"),
        ({"shown": ""}, 400, "/shown"),
        ({"shown": "a", "shown_propensity": 0}, 400, "/shown_propensity"),
        ({"shown": "a", "shown_propensity": 1.5}, 400, "/shown_propensity"),
        ({"shown_propensity": 0.5}, 400, "/shown_propensity"),
        ({"shown": 3}, 400, "/shown"),
    ],
)
def test_what_is_refused_names_its_field(
    service: WorkerInProcess, fields: dict[str, object], status: int, pointer: str
) -> None:
    body = {"experiment": "hero", **fields}
    for path, sent in (
        ("/v1/decisions", body),
        ("/v1/decisions/batch", {"decisions": [body, {**body, "experiment": "hero"}]}),
    ):
        answer = service.post(path, sent)
        problem = answer.json
        if "batch" in path:
            assert answer.status_code == 200
            problem = problem["decisions"][0]
            pointer = f"/decisions/0{pointer}"
        assert problem["status"] == status
        assert [one["pointer"] for one in problem["errors"]] == [pointer]


def test_a_batch_a_deferred_one_and_brought_variants_are_taken(
    service: WorkerInProcess,
) -> None:
    service.create("brought", mode="apprentice", request_variants="replace")
    brought = [{"key": "x"}, {"key": "y"}]
    items = [
        {"experiment": "hero", "shown": "a", "defer": True},
        {"experiment": "brought", "variants": brought, "shown": "y"},
        {"experiment": "brought", "variants": brought, "shown": "a"},
    ]
    answers = service.post("/v1/decisions/batch", {"decisions": items}).json
    first, second, third = answers["decisions"]
    assert (first["variant"], second["variant"]) == ("a", "y")
    assert third["status"] == 422
    path = f"/v1/decisions/{first['decision_id']}"
    assert service.post(f"{path}/activate", {}).status_code == 202
    service.learn()
    assert service.get(path).json["exposed_at"] is not None


def test_a_flag_has_no_shown_variant_and_is_refused_with_its_code(
    service: WorkerInProcess,
) -> None:
    body = {"context": {"targetingKey": "u"}}
    answer = service.post("/ofrep/v1/evaluate/flags/hero", body)
    assert (answer.status_code, answer.json["errorCode"]) == (400, "GENERAL")
    (flag,) = service.post("/ofrep/v1/evaluate/flags", body).json["flags"]
    assert flag["errorCode"] == "GENERAL"


def test_it_is_made_live_by_hand_and_requests_may_keep_what_they_show(
    service: WorkerInProcess,
) -> None:
    changed = service.patch("/v1/experiments/hero", {"mode": "live"}).json
    assert (changed["mode"], changed["revision"]) == ("live", 2)
    live = service.decide("hero", unit_id="u", shown="a", shown_propensity=0.5)
    assert "mode" not in live
    assert 0 < live["propensity"] <= 1


def test_the_report_and_the_page_have_it(start_worker: StartWorker) -> None:
    service = start_worker(dev=True)
    service.create("hero", mode="apprentice")
    for n in range(20):
        service.decide("hero", unit_id=f"u{n}", shown="a", shown_propensity=0.9)
    service.learn()
    found = service.get("/v1/experiments/hero/report").json["apprentice"]
    assert found["mode"] == "apprentice"
    for name in ("agreement", "policy", "shown", "difference"):
        assert len(found[name]["interval"]) == 2
    assert "reason" in found["policy"]
    rows = service.get("/v1/experiments/hero/report.csv").text
    assert "apprentice,apprentice,recent" in rows
    page = service.client.get("/experiments/hero")
    assert b"It is an apprentice" in page.data
