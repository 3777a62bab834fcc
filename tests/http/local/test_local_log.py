"""Downloads and the log of decisions that callers made in their own process."""

import os
from typing import Any

import pytest

from bandit_svc.client.local.model import LocalModel
from tests.harness.web.local_records import downloaded, local_record
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

DAY_MS = 86_400_000
KEY = "hero"
Record = dict[str, Any]


@pytest.fixture(scope="module")
def service(start_shared_worker: StartWorker) -> WorkerInProcess:
    """Return a worker with an experiment that can be decided locally."""
    worker = start_shared_worker()
    worker.create(KEY, policy={"kind": "linear"}, holdout=0.3)
    worker.create("other")
    return worker


def log(service: WorkerInProcess, *records: object) -> list[dict[str, Any]]:
    answer = service.post("/v1/decisions/log", {"decisions": list(records)})
    assert answer.status_code == 202, answer.text
    return list(answer.json["decisions"])


def refusal(service: WorkerInProcess, record: Record) -> tuple[int, str]:
    """Return the status of a refused record, and where the fault is."""
    (answer,) = log(service, record)
    assert "status" in answer
    assert "errors" in answer, answer
    return answer["status"], answer["errors"][0]["pointer"]


def test_a_local_decision_is_looked_up_rewarded_and_learned_from(
    service: WorkerInProcess,
) -> None:
    record = local_record(service, KEY, unit_id="u-1", context={"hour": 7})

    (answer,) = log(service, record)
    service.learn()

    assert answer == {"decision_id": record["decision_id"], "status": "accepted"}
    service.reward(record["decision_id"], 1.0)
    service.learn(after_s=1_801)
    found = service.get(f"/v1/decisions/{record['decision_id']}").json
    assert found["state"] == "joined"
    assert found["reward"] == 1.0
    assert found["propensity"] == record["propensity"]
    assert found["context"] == {"hour": 7}
    assert found["local"] == {"client": record["client"], "sequence": 1}


def test_a_repeated_batch_changes_nothing(service: WorkerInProcess) -> None:
    model = downloaded(service, KEY)
    batch = [
        local_record(service, KEY, unit_id=f"r-{i}", model=model) for i in range(20)
    ]

    first = log(service, *batch)
    at_once = log(service, *batch)
    service.learn()
    after_ingest = log(service, *batch)
    counted = service.get(f"/v1/experiments/{KEY}/report").json["decisions"]
    service.learn()

    assert {one["status"] for one in first} == {"accepted"}
    assert {one["status"] for one in (*at_once, *after_ingest)} == {"duplicate"}
    assert service.get(f"/v1/experiments/{KEY}/report").json["decisions"] == counted


def test_another_decision_of_the_same_id_is_a_conflict(
    service: WorkerInProcess,
) -> None:
    record = local_record(service, KEY, unit_id="u-3")
    log(service, record)

    assert refusal(service, record | {"sequence": 9}) == (
        409,
        "/decisions/0/decision_id",
    )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"propensity": 0.123}, "/propensity"),
        ({"group": "baseline"}, "/group"),
        ({"source": "baseline"}, "/source"),
        ({"experiment": "other"}, "/experiment"),
        ({"revision": 99}, "/revision"),
        ({"variant": "c"}, "/variant"),
        ({"unit_id": ""}, "/unit_id"),
        ({"client": "x"}, "/client"),
        ({"sequence": 0}, "/sequence"),
        ({"context": {"a": [1]}}, "/context/a"),
        ({"more": 1}, "/more"),
        ({"variants": []}, "/variants"),
    ],
)
def test_a_field_that_cannot_be_is_refused_with_its_pointer(
    service: WorkerInProcess, change: dict[str, Any], pointer: str
) -> None:
    record = _of_group(service, "treatment") | change

    status, place = refusal(service, record)

    assert (status, place) == (400, f"/decisions/0{pointer}")


@pytest.mark.parametrize("group", ["treatment", "baseline"])
def test_a_tampered_pmf_is_refused(service: WorkerInProcess, group: str) -> None:
    record = _of_group(service, group)
    chances = [dict(one) for one in record["variants"]]
    for one in chances:
        one["probability"] = 0.6
    record |= {"variants": chances}

    assert refusal(service, record | {"propensity": 0.6})[0] == 400


def test_a_pmf_that_the_model_does_not_have_is_refused_though_it_fits_the_draw(
    service: WorkerInProcess,
) -> None:
    record = _of_group(service, "treatment")
    chosen = record["variant"]
    shifted = record["propensity"] + (1 - record["propensity"]) * 0.5
    chances = [
        one | {"probability": shifted if one["variant"] == chosen else 1 - shifted}
        for one in record["variants"]
    ]

    found = refusal(service, record | {"variants": chances, "propensity": shifted})

    assert found == (400, "/decisions/0/variants")


def test_a_group_that_is_not_the_units_is_refused(service: WorkerInProcess) -> None:
    record = _of_group(service, "treatment")
    other = _of_group(service, "baseline")

    assert refusal(service, record | {"unit_id": other["unit_id"]}) == (
        400,
        "/decisions/0/group",
    )


@pytest.mark.parametrize("shift_ms", [120_000, -2 * DAY_MS])
def test_a_time_that_is_to_come_or_long_over_is_refused(
    service: WorkerInProcess, shift_ms: int
) -> None:
    model = downloaded(service, KEY)
    service.now_ms += shift_ms
    record = local_record(service, KEY, unit_id="u-5", model=model)
    service.now_ms -= shift_ms

    assert refusal(service, record) == (400, "/decisions/0/decision_id")


def test_an_id_of_the_service_or_of_nobody_is_refused(
    service: WorkerInProcess,
) -> None:
    record = local_record(service, KEY, unit_id="u-6")
    own = service.decide(KEY, unit_id="u-6")["decision_id"]

    for foreign in (own, "d-1", record["decision_id"][:-1] + "A"):
        found = refusal(service, record | {"decision_id": foreign})
        assert found == (400, "/decisions/0/decision_id")


def test_a_revoked_key_signs_nothing_any_more(service: WorkerInProcess) -> None:
    issued = service.issue("secret")
    bearer = {"Authorization": f"Bearer {issued.text}"}
    at = f"/v1/experiments/{KEY}/models/latest/download"
    model = LocalModel(service.get(at, headers=bearer).data)
    kept, late = (
        local_record(service, KEY, unit_id="u-7", model=model, sequence=n)
        for n in (1, 2)
    )
    log(service, kept)
    service.worker.storage.keys.revoke(issued.row.id, service.now_ms)

    assert refusal(service, late) == (403, "/decisions/0/decision_id")
    assert service.get(at, headers=bearer).status_code == 401
    service.reward(kept["decision_id"], 1.0)


def test_a_download_that_is_known_is_not_sent_again(service: WorkerInProcess) -> None:
    at = f"/v1/experiments/{KEY}/models/latest/download"
    first = service.get(at)
    same = service.get(at, headers={"If-None-Match": first.headers["ETag"]})
    service.patch(f"/v1/experiments/{KEY}", {"exploration_floor": 0.05})
    changed = service.get(at, headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.data) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


def test_a_download_has_no_secret_of_the_store_and_nothing_of_others(
    service: WorkerInProcess,
) -> None:
    content = service.get(f"/v1/experiments/{KEY}/models/latest/download").data
    secret = service.worker.storage.secret()

    for hidden in (secret, secret.hex().encode(), b"other", service.secret.encode()):
        assert hidden not in content


@pytest.mark.parametrize("version", ["0", "99", "newest", "-1"])
def test_a_version_that_is_not_kept_is_not_found(
    service: WorkerInProcess, version: str
) -> None:
    at = f"/v1/experiments/{KEY}/models/{version}/download"

    assert service.get(at).status_code == 404


def test_a_publishable_key_neither_downloads_nor_logs(
    service: WorkerInProcess,
) -> None:
    bearer = {"Authorization": f"Bearer {service.publishable}"}
    at = f"/v1/experiments/{KEY}/models/latest/download"

    assert service.get(at, headers=bearer).status_code == 403
    body: dict[str, Any] = {"decisions": []}
    assert service.post("/v1/decisions/log", body, bearer).status_code == 403


def test_a_hostile_batch_costs_only_itself(service: WorkerInProcess) -> None:
    good = local_record(service, KEY, unit_id="u-8")
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    bad: list[object] = [
        None,
        7,
        "x",
        {},
        {"decision_id": "x" * 30_000},
        good | {"context": deep},
    ]

    answers = log(service, *bad, good)

    assert [one["status"] for one in answers] == [400] * len(bad) + ["accepted"]
    too_many: dict[str, Any] = {"decisions": [{}] * 1_001}
    assert service.post("/v1/decisions/log", too_many).status_code == 400


def _of_group(service: WorkerInProcess, group: str) -> Record:
    """Return the record of a unit of a group."""
    model = downloaded(service, KEY)
    while True:
        unit_id = os.urandom(6).hex()
        record = local_record(service, KEY, unit_id=unit_id, model=model)
        if record["group"] == group:
            return record
