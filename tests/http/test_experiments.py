"""Creating, changing and restoring experiments, to the letter of the contract."""

from tests.harness.worker_in_process import WorkerInProcess

CONTRACT = {
    "key": "homepage-hero",
    "variants": [
        {
            "key": "summer-dress",
            "features": {"category": "dress"},
            "payload": {"img": "…"},
        },
        {"key": "sandals"},
    ],
    "policy": {
        "kind": "vw",
        "explorer": "squarecb",
        "interactions": "context:variant",
        "seed": 7,
    },
    "baseline": {"kind": "fixed", "variant": "summer-dress"},
    "holdout": 0.1,
    "exploration_floor": 0.02,
    "reward": {
        "window_seconds": 1800,
        "aggregate": "sum",
        "default": 0.0,
        "minimum": 0.0,
        "maximum": 1.0,
        "learn_on": "maturity",
    },
}


def contains(found: object, expected: object) -> bool:
    """Return whether every value of the expected document stands in the found one."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(contains(found[name], value) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        pairs = zip(found, expected, strict=True)
        return all(contains(one, other) for one, other in pairs)
    return bool(found == expected)


def test_the_definition_of_the_contract_is_created_and_read_back(
    service: WorkerInProcess,
) -> None:
    answer = service.post("/v1/experiments", CONTRACT)
    location = answer.headers["Location"]

    assert (answer.status_code, location) == (201, "/v1/experiments/homepage-hero")
    assert contains(answer.json, CONTRACT)
    assert answer.json["revision"] == 1
    assert answer.json["created_at"] == "2027-01-15T08:00:00.000Z"
    assert service.get(location).json == answer.json
    assert service.get("/v1/experiments").json == {"experiments": [answer.json]}


def test_key_and_variants_are_enough(service: WorkerInProcess) -> None:
    made = service.create("hero")

    assert made["policy"]["kind"] == "auto"
    assert made["baseline"] == {"kind": "fixed", "variant": "a"}
    assert (made["holdout"], made["exploration_floor"]) == (0.1, 0.02)
    assert made["reward"]["window_seconds"] == 1800
    assert made["status"] == "running"


def test_each_change_is_a_revision_that_is_kept(service: WorkerInProcess) -> None:
    service.create("hero")
    service.now_ms += 1000
    changed = service.patch("/v1/experiments/hero", {"holdout": 0.2})
    same = service.patch("/v1/experiments/hero", {"holdout": 0.2})
    found = service.get("/v1/experiments/hero/revisions").json

    assert (changed.status_code, changed.json["revision"]) == (200, 2)
    assert same.json == changed.json
    assert [
        (r["revision"], r["revised_at"], r["note"], r["definition"]["holdout"])
        for r in found["revisions"]
    ] == [
        (1, "2027-01-15T08:00:00.000Z", "", 0.1),
        (2, "2027-01-15T08:00:01.000Z", "", 0.2),
    ]


def test_a_merge_patch_changes_what_it_names_and_null_gives_the_default(
    service: WorkerInProcess,
) -> None:
    made = service.create("hero", holdout=0.3, description="first")
    changed = service.patch(
        "/v1/experiments/hero",
        {"reward": {"window_seconds": 60}, "holdout": None, "exploration_floor": 0.1},
    ).json

    assert changed["reward"] == made["reward"] | {"window_seconds": 60}
    assert (changed["holdout"], changed["exploration_floor"]) == (0.1, 0.1)
    assert changed["description"] == "first"


def test_a_variant_left_out_of_the_list_is_retired_and_comes_back_when_named(
    service: WorkerInProcess,
) -> None:
    service.create("hero", baseline={"kind": "uniform"})
    without = service.patch("/v1/experiments/hero", {"variants": [{"key": "b"}]}).json
    chosen = {service.decide("hero")["variant"] for _ in range(20)}
    both = [{"key": "a"}, {"key": "b"}, {"key": "c"}]
    back = service.patch("/v1/experiments/hero", {"variants": both}).json

    assert [(v["key"], v["retired"]) for v in without["variants"]] == [
        ("b", False),
        ("a", True),
    ]
    assert chosen == {"b"}
    assert [(v["key"], v["retired"]) for v in back["variants"]] == [
        ("a", False),
        ("b", False),
        ("c", False),
    ]


def test_pausing_stops_decisions_at_once_and_resuming_starts_them(
    service: WorkerInProcess,
) -> None:
    service.create("hero")
    service.patch("/v1/experiments/hero", {"status": "paused"})
    paused = service.post("/v1/decisions", {"experiment": "hero"})
    service.patch("/v1/experiments/hero", {"status": "running"})

    assert paused.status_code == 409
    assert "paused" in paused.json["detail"]
    assert service.decide("hero")


def learned(service: WorkerInProcess, rounds: int) -> None:
    for _ in range(rounds):
        service.reward(service.decide("hero")["decision_id"], 1)
    service.learn(after_s=61)


def test_a_changed_policy_is_trained_from_the_log_and_swapped_in(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60}, holdout=0.0)
    learned(service, 5)
    service.patch("/v1/experiments/hero", {"policy": {"kind": "linear"}})
    before = service.get("/v1/experiments/hero/report").json["model"]
    service.learn(after_s=1)
    after = service.get("/v1/experiments/hero/report").json["model"]

    assert (before["version"], before["catching_up"]) == (1, True)
    assert (after["version"], after["catching_up"], after["learned"]) == (2, False, 5)
    assert (before["policy"]["kind"], after["policy"]["kind"]) == ("auto", "linear")


def test_models_are_listed_newest_first_and_an_older_one_can_be_restored(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60}, holdout=0.0)
    learned(service, 3)
    learned(service, 4)
    path = "/v1/experiments/hero/models"
    before = service.get(path).json
    restored = service.post(f"{path}/1/restore")
    after = service.get(path).json["models"]

    assert before["experiment"] == "hero"
    assert [(m["version"], m["learned"], m["serving"]) for m in before["models"]] == [
        (2, 7, True),
        (1, 3, False),
    ]
    assert restored.status_code == 200
    assert restored.json == after[0]
    assert (after[0]["version"], after[0]["restored_from"]) == (3, 1)
    assert after[0]["sha256"] == before["models"][1]["sha256"]
    service.learn()
    assert service.decide("hero")["model_version"] == 3
