"""What is kept of the keys of a context."""

from pathlib import Path

import pytest

from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

FIELDS = {
    "user.email": "drop",
    "user.name": "hash",
    "zip": {"policy": "bucket", "length": 2},
    "user.age": {"policy": "bucket", "width": 20},
    "secret": "drop",
    "weather": {"policy": "keep", "label": "the weather where you are"},
}
RAW = {
    "user": {"email": "ann@example.org", "name": "Ann-Marie-81", "age": 47},
    "zip": "10115",
    "secret": {"diagnosis": "flu-in-the-room"},
    "weather": "rain",
}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    return start_worker()


def create(service: WorkerInProcess, **fields: object) -> None:
    service.create("hero", reward={"window_seconds": 60}, **fields)


def decide(service: WorkerInProcess, **body: object) -> Answer:
    return service.post("/v1/decisions", {"experiment": "hero"} | body)


def context_of(service: WorkerInProcess, answer: Answer) -> dict[str, object]:
    path = f"/v1/decisions/{answer.json['decision_id']}"
    context: dict[str, object] = service.get(path).json["context"]
    return context


def test_the_log_and_the_store_never_hold_a_raw_value(
    service: WorkerInProcess,
) -> None:
    create(service, fields=FIELDS)
    context = context_of(service, decide(service, context=RAW))
    service.learn(after_s=61)

    user = context["user"]
    assert isinstance(user, dict)
    assert context == {"user": user, "zip": "10", "weather": "rain"}
    assert user["age"] == 40
    assert len(user["name"]) == 16
    for raw in (b"ann@example.org", b"Ann-Marie-81", b"10115", b"flu-in-the-room"):
        assert not [
            path
            for path in Path(service.folder).rglob("*")
            if path.is_file() and raw in path.read_bytes()
        ]


def test_equal_values_have_equal_hashes_and_others_do_not(
    service: WorkerInProcess,
) -> None:
    create(service, fields={"name": "hash"})
    found = [
        context_of(service, decide(service, context={"name": name}))["name"]
        for name in ("ann", "ann", "bob", 1, True)
    ]

    assert found[0] == found[1]
    assert len(set(map(str, found))) == 4


def test_a_repeated_request_is_compared_with_what_was_kept(
    service: WorkerInProcess,
) -> None:
    create(service, fields=FIELDS)
    first = decide(service, request_id="r", context=RAW)
    again = decide(service, request_id="r", context=RAW)
    other = decide(service, request_id="r", context={"zip": "20115"})

    assert again.json == first.json
    assert other.status_code == 409


def test_what_looks_personal_warns_at_once_without_its_value(
    service: WorkerInProcess,
) -> None:
    create(service, fields={"known.email": "hash"})
    personal = {
        "known": {"email": "a@example.org"},
        "note": "write to bob@example.org",
        "user_id": 81,
        "state": "pregnant",
        "item_id": "dress-42",
        "device": "mobile",
        "day": "2026-11-28",
    }
    decide(service, context=personal)
    service.learn()
    checks = service.get("/v1/experiments/hero/report").json["health"]
    (check,) = [one for one in checks if one["check"] == "personal_fields"]

    assert check["status"] == "warn"
    assert "bob" not in check["detail"]
    for name in ("note", "user_id", "state"):
        assert f"`{name}`" in check["detail"]
    for name in ("email", "item_id", "device", "day"):
        assert f"{name}`" not in check["detail"]


def test_a_strict_experiment_refuses_it_where_it_is(service: WorkerInProcess) -> None:
    create(service, features_strict=True, fields={"user.phone": "drop"})
    refused = decide(service, context={"user": {"e/mail": "x@example.org"}})
    taken = decide(service, context={"user": {"phone": "+49 30 1234567"}, "hour": 3})

    assert refused.status_code == 400
    assert refused.json["errors"][0]["pointer"] == "/context/user/e~1mail"
    assert "example.org" not in refused.text
    assert taken.status_code == 201


@pytest.mark.parametrize(
    ("field", "pointer"),
    [
        ("burn", "/fields"),
        ({"policy": "bucket", "width": 0}, "/fields/zip/width"),
        ({"policy": "bucket", "length": -1}, "/fields/zip/length"),
        ({"label": "a" * 257}, "/fields/zip/label"),
        ("bucket", "/fields/zip"),
        ({"keep": True}, "/fields"),
    ],
)
def test_a_declaration_that_can_not_be_followed_is_refused(
    service: WorkerInProcess, field: object, pointer: str
) -> None:
    body = {"key": "hero", "variants": [{"key": "a"}], "fields": {"zip": field}}
    answer = service.post("/v1/experiments", body)

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"].startswith(pointer)
