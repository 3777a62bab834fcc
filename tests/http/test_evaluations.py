"""Evaluations as jobs: asked for over HTTP, done elsewhere, read over HTTP."""

import json
from typing import Any

import pytest

from bandit_svc.learner.job_kinds import JOB_KINDS
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.evaluation.evaluate import Evaluation, evaluate
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.managing.jobs import run_job
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

PATH = "/v1/experiments/hero/evaluations"
RULES = {"kind": "rules", "rules": ["when hour > 12 then a"]}


@pytest.fixture
def hero(service: WorkerInProcess) -> WorkerInProcess:
    """An experiment with 60 matured decisions and a published model."""
    service.create("hero", holdout=0.0, policy={"kind": "linear"})
    for hour in range(60):
        decided = service.decide("hero", context={"hour": hour % 24})
        if decided["variant"] == "a":
            service.reward(decided["decision_id"], 1.0)
    service.learn(after_s=3600)
    return service


def asked(service: WorkerInProcess, *policies: object) -> dict[str, Any]:
    """Queue an evaluation and give the answer."""
    answer = service.post(PATH, {"policies": list(policies)})
    assert answer.status_code == 202, answer.text
    return dict(answer.json)


def work(service: WorkerInProcess) -> bool:
    """Do the next job, as the learner's child does."""
    return run_job(service.worker.storage, JOB_KINDS, lambda: service.now_ms)


def test_a_trajectory_is_asked_for_by_its_name(hero: WorkerInProcess) -> None:
    body = {"policies": ["uniform"], "estimand": "trajectory"}
    answer = hero.post(PATH, body)
    work(hero)
    read = hero.get(answer.headers["Location"]).json
    refused = hero.post(PATH, {"estimand": "forever"})

    assert answer.json["estimand"] == read["estimand"] == "trajectory"
    row = read["result"]["policies"][0]
    assert (row["policy"], row["estimand"]) == ("uniform", "trajectory")
    assert set(row["estimates"]) == {"pdis"}
    assert refused.status_code == 400


def test_it_is_queued_with_a_place_where_it_can_be_read(hero: WorkerInProcess) -> None:
    answer = hero.post(PATH, {"policies": ["uniform", "model:1", RULES]})
    read = hero.get(answer.headers["Location"])

    assert answer.status_code == 202
    assert read.status_code == 200
    assert read.json == answer.json
    assert answer.json == {
        "id": answer.headers["Location"].rsplit("/", 1)[1],
        "experiment": "hero",
        "policies": ["uniform", "model:1", "rules"],
        "estimand": "one_step",
        "status": "queued",
        "progress": {"done": 0, "total": 0},
        "created_at": "2027-01-15T09:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "error": None,
        "result": None,
    }


def as_answered(evaluation: Evaluation) -> Any:
    return json.loads(json.dumps(checked_json(evaluation)))


def test_done_it_has_what_an_evaluation_on_the_command_line_has(
    hero: WorkerInProcess,
) -> None:
    linear = {"kind": "linear", "ridge": 5.0}
    policies: list[Any] = ["fixed:a", "model:1", RULES, linear]
    queued = asked(hero, *policies)
    hero.now_ms += 1500
    assert work(hero)
    read = hero.get(f"{PATH}/{queued['id']}").json
    storage = hero.worker.storage
    experiment = storage.experiments.get("hero")
    models = storage.model_versions.metas(experiment.number)
    specs = asked_specs(experiment.definition, policies, models)

    assert read["status"] == "done"
    assert read["progress"] == {"done": 60, "total": 60}
    assert read["started_at"] == read["finished_at"] == "2027-01-15T09:00:01.500Z"
    assert read["result"] == as_answered(evaluate(storage, experiment, specs))
    assert not work(hero)


def test_nothing_asks_about_all_candidates(hero: WorkerInProcess) -> None:
    everything = ["uniform", "baseline", "fixed:a", "fixed:b"]

    assert asked(hero)["policies"] == everything
    assert hero.post(PATH, {}).json["policies"] == everything


def test_they_are_listed_newest_first_without_results(hero: WorkerInProcess) -> None:
    first, second = asked(hero, "uniform"), asked(hero, "fixed:a")
    work(hero)
    listed = hero.get(PATH).json

    assert listed["experiment"] == "hero"
    assert [(e["id"], e["status"]) for e in listed["evaluations"]] == [
        (second["id"], "queued"),
        (first["id"], "done"),
    ]
    assert all("result" not in e for e in listed["evaluations"])


def test_what_was_asked_counts_even_if_the_experiment_changes_meanwhile(
    hero: WorkerInProcess,
) -> None:
    named = {"kind": "thompson", "name": "shadow"}
    hero.patch("/v1/experiments/hero", {"candidates": [named]})
    queued = asked(hero, "shadow")
    hero.patch("/v1/experiments/hero", {"candidates": []})
    work(hero)
    read = hero.get(f"{PATH}/{queued['id']}").json

    assert read["status"] == "done"
    assert [row["policy"] for row in read["result"]["policies"]] == ["shadow"]


@pytest.mark.parametrize(
    ("policies", "pointer"),
    [
        ("uniform", "/policies"),
        ([["uniform"]], "/policies/0"),
        (["uniform", "nothing"], "/policies/1"),
        (["uniform", "fixed:z"], "/policies/1"),
        (["model:99"], "/policies/0"),
        (["callable:os:getcwd"], "/policies/0"),
        (["@/etc/passwd"], "/policies/0"),
        ([{"kind": "callable", "callable": "os:getcwd"}], "/policies/0/kind"),
        ([{"kind": "model", "version": 1}], "/policies/0/kind"),
        (["uniform", "uniform", {"kind": "linear", "ridge": -1}], "/policies/2/ridge"),
        ([{"kind": "linear", "ridge": 10**400}], "/policies/0/ridge"),
        ([{"kind": "linear", "name": 5}], "/policies/0/name"),
        ([{"kind": "linear"}, {"kind": "linear", "ridge": 3}], "/policies/1/name"),
        ([{"kind": "fixed", "variant": "z"}], "/policies/0/variant"),
        ([{"kind": "weighted", "weights": {"a.b": -1}}], "/policies/0/weights/a.b"),
        ([RULES | {"rules": ["when hour then a"]}], "/policies/0/rules/0"),
        ([RULES | {"otherwise": {"z": 1}}], "/policies/0/otherwise/z"),
        (["uniform"] * 51, "/policies"),
    ],
)
def test_a_bad_policy_is_refused_with_its_place_and_nothing_is_queued(
    hero: WorkerInProcess, policies: object, pointer: str
) -> None:
    answer = hero.post(PATH, {"policies": policies})

    assert answer.status_code == 400, answer.text
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]
    assert hero.get(PATH).json["evaluations"] == []


@pytest.mark.parametrize("body", ["", "[]", "{", '{"policy": "uniform"}', b"\xff"])
def test_a_body_that_is_none_is_refused(
    hero: WorkerInProcess, body: bytes | str
) -> None:
    assert hero.post(PATH, body).status_code == 400


def test_what_does_not_exist_is_not_found(hero: WorkerInProcess) -> None:
    hero.create("other")
    queued = asked(hero, "uniform")

    for path in (
        "/v1/experiments/nothing/evaluations",
        f"/v1/experiments/nothing/evaluations/{queued['id']}",
        f"/v1/experiments/other/evaluations/{queued['id']}",
        f"{PATH}/0",
    ):
        assert hero.get(path).status_code == 404
    assert hero.post("/v1/experiments/nothing/evaluations", {}).status_code == 404


def test_the_queue_of_an_experiment_has_an_end(hero: WorkerInProcess) -> None:
    for _ in range(20):
        asked(hero, "uniform")
    refused = hero.post(PATH, {"policies": ["uniform"]})

    assert refused.status_code == 409
    assert "20 jobs of this experiment are queued" in refused.json["detail"]


def test_only_a_secret_key_may_ask_and_read(hero: WorkerInProcess) -> None:
    queued = asked(hero, "uniform")
    public = {"headers": {"Authorization": f"Bearer {hero.publishable}"}}

    assert hero.post(PATH, {}, **public).status_code == 403
    assert hero.get(PATH, **public).status_code == 403
    assert hero.get(f"{PATH}/{queued['id']}", **public).status_code == 403
    assert hero.client.post(PATH, json={}).status_code == 401


def test_without_keys_a_page_of_another_origin_may_not_ask(
    start_worker: StartWorker,
) -> None:
    service = start_worker(dev=True)
    service.create("hero")
    foreign = {"headers": {"Sec-Fetch-Site": "cross-site"}}

    assert service.post(PATH, {}, **foreign).status_code == 403
    assert service.post(PATH, {}).status_code == 202


def test_answers_have_the_fields_that_are_described(hero: WorkerInProcess) -> None:
    schemas = hero.get("/openapi.json").json["components"]["schemas"]

    assert set(asked(hero)) == set(schemas["EvaluationAnswer"]["properties"])
