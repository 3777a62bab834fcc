"""Units and events over HTTP, with a learner that follows them."""

import random
from contextlib import closing

import pytest

from bandit_svc.domain.people.feature import parse_features
from bandit_svc.domain.people.unit_state import unit_features
from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

FEATURES = {
    "views_7d": "count(viewed, 7d)",
    "style": "top(viewed.style, 30d)",
    "cart_age_h": "hours_since(cart_added unless purchased)",
}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    started = start_worker()
    started.create("hero", features=FEATURES)
    started.create("plain")
    return started


def event(service: WorkerInProcess, unit: str, name: str, **fields: object) -> Answer:
    return service.post("/v1/events", {"unit_id": unit, "event": name, **fields})


def test_an_event_is_in_the_features_of_the_next_decision(
    service: WorkerInProcess,
) -> None:
    for style in ("dress", "shoe", "dress"):
        answer = event(service, "anon-7f", "viewed", properties={"style": style})
        assert answer.status_code == 202
        assert answer.json["status"] == "accepted"
    event(service, "anon-7f", "cart_added", value=59)
    service.learn()
    service.now_ms += 3_600_000
    made = service.decide("hero", unit_id="anon-7f", context={"device": "mobile"})
    record = service.get(f"/v1/decisions/{made['decision_id']}").json

    assert record["context"] == {
        "device": "mobile",
        "unit": {"views_7d": 3, "style": "dress", "cart_age_h": 1.0},
    }
    unit = service.get("/v1/units/anon-7f").json
    assert unit["features"] == {"hero": record["context"]["unit"]}
    assert (unit["unit_id"], unit["group_id"], unit["links"]) == (
        "anon-7f",
        "anon-7f",
        [],
    )


def test_a_logged_feature_is_what_the_stored_events_give_at_that_moment(
    service: WorkerInProcess,
) -> None:
    """Events of six units in 60 rounds; each unit comes back while nothing changes."""
    chance = random.Random(11)  # noqa: S311 - a test's own draws
    declared = parse_features(FEATURES)
    for round_ in range(60):
        unit = f"u-{chance.randrange(6)}"
        name = chance.choice(["viewed", "cart_added", "purchased"])
        event(service, unit, name, properties={"style": chance.choice("xyz")})
        if round_ == 30:
            service.call("PUT", "/v1/units/u-0", {"links": ["u-1"]})
        service.learn(after_s=chance.choice([0, 1, 50_000]))
        for asked in (unit, unit, f"u-{chance.randrange(6)}"):
            made = service.decide("hero", unit_id=asked)
            with closing(service.beside()) as other:
                state = other.worker.storage.units.state(asked)
            found = state and unit_features(state, declared, service.now_ms)
            record = service.get(f"/v1/decisions/{made['decision_id']}").json
            assert record["context"].get("unit", {}) == (found or {})


def test_an_experiment_without_features_sees_none(service: WorkerInProcess) -> None:
    event(service, "u", "viewed")
    service.learn()
    made = service.decide("plain", unit_id="u", context={"unit": {"mine": 1}})

    record = service.get(f"/v1/decisions/{made['decision_id']}").json
    assert record["context"] == {"unit": {"mine": 1}}


def test_an_event_that_comes_again_counts_once(service: WorkerInProcess) -> None:
    first = event(service, "u", "viewed", event_id="e-1").json
    again_soon = event(service, "u", "viewed", event_id="e-1").json
    service.learn()
    again = event(service, "u", "viewed", event_id="e-1").json
    other_unit = event(service, "v", "viewed", event_id="e-1").json
    service.learn()

    assert first == again_soon == {"event_id": "e-1", "status": "accepted"}
    assert again == {"event_id": "e-1", "status": "duplicate"}
    assert other_unit["status"] == "accepted"
    for unit in ("u", "v"):
        seen = service.get(f"/v1/units/{unit}").json["features"]["hero"]
        assert seen == {"views_7d": 1}


def test_nothing_of_an_event_is_kept_that_no_feature_declares(
    service: WorkerInProcess,
) -> None:
    properties = {"style": "dress", "mail": "somebody@example.org"}
    event(service, "u", "viewed", properties=properties)
    event(service, "u", "searched", properties={"text": "secret words"})

    logged = b"".join(
        path.read_bytes() for path in service.folder.rglob("*") if path.is_file()
    )
    assert b"dress" in logged
    assert b"somebody" not in logged
    assert b"secret words" not in logged


def test_signing_in_keeps_the_group_of_the_anonymous_visit(
    service: WorkerInProcess,
) -> None:
    service.create("half", holdout=0.5)
    groups: dict[str, str] = {}
    for i in range(40):
        groups[f"u-{i}"] = service.decide("half", unit_id=f"anon-{i}")["group"]
    service.learn()
    alone = [service.decide("half", unit_id=f"u-{i}")["group"] for i in range(40)]
    for i in range(40):
        answer = service.call("PUT", f"/v1/units/u-{i}", {"links": [f"anon-{i}"]})
        assert answer.status_code == 202
    service.learn()
    service.now_ms += 1_000
    made = {unit: service.decide("half", unit_id=unit) for unit in groups}

    assert {unit: one["group"] for unit, one in made.items()} == groups
    assert alone != list(groups.values())
    record = service.get(f"/v1/decisions/{made['u-3']['decision_id']}").json
    assert (record["unit_id"], record["group_id"]) == ("u-3", "anon-3")
    unit = service.get("/v1/units/u-3").json
    assert (unit["group_id"], unit["links"]) == ("anon-3", ["anon-3"])


def test_the_older_id_decides_whichever_names_the_other(
    service: WorkerInProcess,
) -> None:
    event(service, "old", "viewed")
    service.now_ms += 1_000
    service.decide("plain", unit_id="young")
    service.learn()
    service.call("PUT", "/v1/units/old", {"links": ["young"]})
    service.call("PUT", "/v1/units/unknown", {"links": ["older", "newer"]})
    service.learn()

    assert service.get("/v1/units/young").json["group_id"] == "old"
    assert service.get("/v1/units/newer").json["group_id"] == "older"
    assert service.get("/v1/units/unknown").json["links"] == ["older", "newer"]


def test_traits_are_patched_and_a_unit_that_denied_consent_keeps_nothing(
    service: WorkerInProcess,
) -> None:
    def change(**body: object) -> None:
        assert service.call("PUT", "/v1/units/u", body).status_code == 202
        service.learn()

    change(traits={"tier": "gold", "age": 40})
    change(traits={"tier": None}, consent="granted")
    event(service, "u", "viewed")
    service.learn()
    unit = service.get("/v1/units/u").json
    assert (unit["traits"], unit["consent"]) == ({"age": 40}, "granted")
    assert unit["features"]["hero"] == {"views_7d": 1}

    change(consent="denied")
    dropped = event(service, "u", "viewed").json
    service.learn()
    unit = service.get("/v1/units/u").json
    assert dropped["status"] == "dropped"
    assert (unit["traits"], unit["consent"]) == ({}, "denied")
    assert unit["features"]["hero"] == {}
    made = service.decide("hero", unit_id="u")
    record = service.get(f"/v1/decisions/{made['decision_id']}").json
    assert record["context"] == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "pointer"),
    [
        ("POST", "/v1/events", {"event": "viewed"}, "/unit_id"),
        ("POST", "/v1/events", {"unit_id": "u"}, "/event"),
        ("POST", "/v1/events", {"unit_id": "", "event": "viewed"}, "/unit_id"),
        ("POST", "/v1/events", {"unit_id": "u", "event": "x" * 257}, "/event"),
        (
            "POST",
            "/v1/events",
            {"unit_id": "u", "event": "x", "properties": {"a": "x" * 4_096}},
            "/properties",
        ),
        (
            "POST",
            "/v1/events",
            {"unit_id": "u", "event": "x", "occurred_at": "1999-01-01T00:00:00Z"},
            "/occurred_at",
        ),
        ("PUT", "/v1/units/u", {"links": ["u"]}, "/links/0"),
        ("PUT", "/v1/units/u", {"links": list("abcdef")}, "/links"),
        ("PUT", "/v1/units/u", {"traits": {"a": [1]}}, "/traits/a"),
        ("PUT", "/v1/units/u", {"traits": {"a": "x" * 257}}, "/traits/a"),
        ("PUT", "/v1/units/u", {"consent": "maybe"}, "/consent"),
        (
            "POST",
            "/v1/experiments",
            {
                "key": "x",
                "variants": [{"key": "a"}],
                "features": {"f": "median(viewed)"},
            },
            "/features/f",
        ),
        (
            "POST",
            "/v1/decisions",
            {"experiment": "hero", "context": {"unit": {"a": 1}}, "unit_id": "u"},
            "/context/unit",
        ),
    ],
)
def test_a_bad_request_about_a_unit_is_refused_and_nothing_is_stored(
    service: WorkerInProcess, method: str, path: str, body: object, pointer: str
) -> None:
    before = service.stored()
    answer = service.call(method, path, body)

    assert answer.status_code == 400, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert service.stored() == before


def test_a_device_that_many_people_share_does_not_make_them_one(
    service: WorkerInProcess,
) -> None:
    for i in range(6):
        service.call("PUT", f"/v1/units/u-{i}", {"links": ["tablet"]})
        service.learn()
    refused = service.call("PUT", "/v1/units/u-6", {"links": ["tablet"]})

    assert refused.status_code == 400
    assert refused.json["errors"][0]["pointer"] == "/links/0"
    # Two that don't know of each other yet: the learner refuses the second.
    service.call("PUT", "/v1/units/a", {"links": list("bcd")})
    service.call("PUT", "/v1/units/z", {"links": [*"yxw", "a"]})
    service.learn()
    assert service.get("/v1/units/a").json["links"] == ["b", "c", "d"]
    assert service.get("/v1/units/z").json["links"] == []


def test_a_batch_answers_each_event_in_order(service: WorkerInProcess) -> None:
    body = {
        "events": [
            {"unit_id": "u", "event": "viewed", "event_id": "e-1"},
            {"event": "viewed"},
            {"unit_id": "u", "event": "viewed"},
        ]
    }
    answer = service.post("/v1/events/batch", body)

    assert answer.status_code == 202
    first, bad, last = answer.json["events"]
    assert first == {"event_id": "e-1", "status": "accepted"}
    assert bad["errors"][0]["pointer"] == "/events/1/unit_id"
    assert last["status"] == "accepted"
    service.learn()
    seen = service.get("/v1/units/u").json["features"]["hero"]
    assert seen == {"views_7d": 2}


def test_a_unit_of_which_nothing_is_known_is_not_found(
    service: WorkerInProcess,
) -> None:
    assert service.get("/v1/units/nobody").status_code == 404


def test_a_publishable_key_reports_events_and_may_not_read_or_link(
    service: WorkerInProcess,
) -> None:
    headers = {"Authorization": f"Bearer {service.publishable}"}
    body = {"unit_id": "u", "event": "viewed"}

    assert service.post("/v1/events", body, headers).status_code == 202
    assert service.get("/v1/units/u", headers).status_code == 403
    assert service.call("PUT", "/v1/units/u", {}, headers).status_code == 403


def test_a_decision_is_made_without_a_state_that_cannot_be_read(
    service: WorkerInProcess,
) -> None:
    event(service, "u", "viewed")
    service.learn()
    service.worker.storage.units.close()
    path = service.folder / "units.db"
    path.rename(service.folder / "gone")
    path.mkdir()
    made = service.decide("hero", unit_id="u")

    record = service.get(f"/v1/decisions/{made['decision_id']}").json
    assert (record["unit_unread"], record["context"]) == (True, {})
    assert record["group_id"] == "u"


def test_a_decision_that_brings_links_is_made_in_the_group_of_the_oldest_id(
    service: WorkerInProcess,
) -> None:
    service.create("half", holdout=0.5, features=FEATURES)
    event(service, "anon-3", "viewed")
    before = [service.decide("half", unit_id=f"anon-{i}")["group"] for i in range(30)]
    service.learn()
    signing_in = [
        service.decide("half", unit_id=f"u-{i}", links=[f"anon-{i}"]) for i in range(30)
    ]
    service.learn()
    service.now_ms += 1_000
    later = [service.decide("half", unit_id=f"u-{i}")["group"] for i in range(30)]

    assert [made["group"] for made in signing_in] == later == before
    record = service.get(f"/v1/decisions/{signing_in[3]['decision_id']}").json
    assert (record["unit_id"], record["group_id"]) == ("u-3", "anon-3")
    assert record["context"] == {"unit": {"views_7d": 1}}
    last = service.worker.storage.unit_facts.last_position()
    again = {"unit_id": "u-3", "links": ["anon-3"]}
    assert service.decide("half", **again)["group"] == before[3]
    service.learn()
    assert service.worker.storage.unit_facts.last_position() == last


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"links": ["a"]}, "/links"),
        ({"unit_id": "u", "links": ["u"]}, "/links/0"),
        ({"unit_id": "u", "links": [""]}, "/links/0"),
        ({"unit_id": "u", "links": list("abcdef")}, "/links"),
        ({"unit_id": "u", "links": "abc"}, "/links"),
    ],
)
def test_links_of_a_decision_that_make_no_person_are_refused(
    service: WorkerInProcess, fields: dict[str, object], pointer: str
) -> None:
    before = service.stored()
    answer = service.post("/v1/decisions", {"experiment": "hero"} | fields)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert service.stored() == before
