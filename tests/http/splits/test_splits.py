"""The routes of splits: what is shown, what can be asked for, and what is refused."""

import pytest

from tests.harness.worker_in_process import StartWorker, WorkerInProcess

SPLIT = {
    "policies": {"current": 0.5, "other": 0.5},
    "policy": {"kind": "uniform"},
    "advance_when": "never",
}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    worker = start_worker()
    worker.create("hero", split=SPLIT, policy={"kind": "uniform"}, holdout=0.0)
    worker.learn()
    return worker


def test_a_split_is_shown_with_its_plan_and_every_step(
    service: WorkerInProcess,
) -> None:
    shown = service.get("/v1/experiments/hero/splits").json
    current = shown["current"]

    assert shown["experiment"] == "hero"
    assert shown["past"] == []
    assert current["state"] == "running"
    assert (current["name"], current["share"]) == ("other", 0.5)
    assert current["policies"] == {"current": 0.5, "other": 0.5}
    assert [step["step"] for step in current["steps"]] == ["begun", "started"]
    begun, started = current["steps"]
    assert begun["who"].startswith("key ")
    assert started["who"] == "service"
    assert current["interval"] == [None, None]


def test_a_decision_says_its_branch(service: WorkerInProcess) -> None:
    branches = set()
    for n in range(40):
        decided = service.decide("hero", unit_id=f"u-{n}")
        record = service.get(f"/v1/decisions/{decided['decision_id']}").json
        branches.add(record["branch"]["name"])
        assert record["branch"]["share"] == 0.5
        assert record["branch"]["split"] == 1
    assert branches == {"current", "other"}


def test_it_is_steered_by_hand(service: WorkerInProcess) -> None:
    path = "/v1/experiments/hero/splits"
    paused = service.patch(path, {"action": "pause", "reason": "a campaign"})
    assert paused.status_code == 200
    assert paused.json["current"]["state"] == "paused"
    assert service.patch(path, {"action": "pause"}).status_code == 409
    assert service.patch(path, {"action": "resume"}).json["current"]["share"] == 0.5
    over = service.patch(path, {"action": "roll_back", "reason": "enough"}).json
    assert over["current"] is None
    (past,) = over["past"]
    assert past["state"] == "rolled_back"
    assert past["steps"][-1]["reason"] == "enough"
    assert past["ended_at"] is not None
    assert service.patch(path, {"action": "advance"}).status_code == 409
    revisions = service.get("/v1/experiments/hero/revisions").json["revisions"]
    assert "rolled_back: enough" in revisions[-1]["note"]


@pytest.mark.parametrize(
    ("split", "pointer"),
    [
        ({"policies": {"current": 1.0}}, "/split/policies"),
        ({"policies": {"current": 0.5, "a": 0.2, "b": 0.3}}, "/split/policies"),
        ({"policies": {"current": 0.5, "other": 0.4}}, "/split/policies"),
        ({"policies": {"current": 0.0, "other": 1.0}}, "/split/policies/current"),
        ({"policies": {"current": 0.5, "none": 0.5}}, "/split/policies/none"),
        (
            SPLIT | {"policy": {"kind": "fixed", "variant": "z"}},
            "/split/policy/variant",
        ),
        (SPLIT | {"ramp": []}, "/split/ramp"),
        (SPLIT | {"ramp": [0.3, 0.2]}, "/split/ramp/1"),
        (SPLIT | {"margin": -1}, "/split/margin"),
        (SPLIT | {"advance_when": "soon"}, "/split/advance_when"),
        (SPLIT | {"rollback_when": "bad"}, "/split/rollback_when"),
    ],
)
def test_a_split_that_cannot_run_is_refused_at_its_field(
    service: WorkerInProcess, split: dict[str, object], pointer: str
) -> None:
    body = {"key": "new", "variants": [{"key": "a"}, {"key": "b"}], "split": split}
    refused = service.post("/v1/experiments", body)
    assert refused.status_code == 400
    assert refused.json["errors"][0]["pointer"] == pointer


def test_without_valid_intervals_a_split_is_steered_by_hand_alone(
    service: WorkerInProcess,
) -> None:
    body = {
        "key": "quick",
        "variants": [{"key": "a"}, {"key": "b"}],
        "reward": {"learn_on": "first_reward"},
        "split": SPLIT,
    }
    refused = service.post("/v1/experiments", body)
    assert refused.json["errors"][0]["pointer"] == "/split/rollback_when"
    made = service.post(
        "/v1/experiments", body | {"split": SPLIT | {"rollback_when": "never"}}
    )
    assert made.status_code == 201


def test_a_wrong_command_is_refused(service: WorkerInProcess) -> None:
    path = "/v1/experiments/{}/splits"
    long = {"action": "pause", "reason": "x" * 2000}
    for key, command, status in (
        ("hero", {"action": "stop"}, 400),
        ("hero", long, 400),
        ("none", {"action": "pause"}, 404),
    ):
        assert service.patch(path.format(key), command).status_code == status


def test_the_fields_of_the_service_are_not_the_callers(
    service: WorkerInProcess,
) -> None:
    path = "/v1/experiments/hero"
    split = SPLIT | {"state": "training", "since": 77, "ramp": [0.6, 1]}
    changed = service.patch(path, {"split": split}).json["split"]
    assert (changed["state"], changed["since"]) == ("running", 1)
    assert changed["ramp"] == [0.6, 1.0]
