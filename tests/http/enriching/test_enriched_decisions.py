"""Decisions whose context the service has added to."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bandit_svc import metrics
from bandit_svc.http.request_context import RequestContext
from bandit_svc.server.hot_routes import HOT, HotRoutes, plain_headers
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1"
)
PHONE = {"class": "phone", "os": "iOS", "browser": "Safari", "is_bot": False}
BEGAN = {
    "hour": 8,
    "part_of_day": "morning",
    "weekday": "friday",
    "weekend": False,
}
"""2027-01-15T08:00:00Z, when a worker of tests begins."""
ORIGIN = {"Origin": "https://shop.example", "User-Agent": IPHONE}


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    return start_worker()


def context_of(service: WorkerInProcess, decision_id: str) -> dict[str, Any]:
    record = service.get(f"/v1/decisions/{decision_id}").json
    return dict(record["context"])


def decided(service: WorkerInProcess, **body: object) -> dict[str, Any]:
    answer = service.decide("hero", **body)
    return context_of(service, answer["decision_id"])


def test_each_enricher_puts_what_it_knows_under_its_own_name(
    service: WorkerInProcess,
) -> None:
    service.create(
        "hero",
        enrich={
            "device": {},
            "time": {"zone": "unit.zone", "holidays": "unit.land"},
            "profile": {"traits": ["tier", "age", "none"]},
        },
    )
    traits = {
        "tier": "gold",
        "age": 31,
        "secret": "x",
        "zone": "Asia/Tokyo",
        "land": "JP",
    }
    service.call("PUT", "/v1/units/u-1", {"traits": traits})
    service.learn()

    answer = service.decide(
        "hero", unit_id="u-1", context={"page": "home"}, user_agent=IPHONE
    )

    path = f"/v1/decisions/{answer['decision_id']}"
    before = service.get(path).json
    service.learn(after_s=4_000)
    after = service.get(path).json
    assert before["context"] == {
        "page": "home",
        "device": PHONE,
        "time": BEGAN | {"hour": 17, "part_of_day": "afternoon", "holiday": False},
        "profile": {"tier": "gold", "age": 31},
    }
    assert before["enriched"] == {
        "device": [f"device.{name}" for name in PHONE],
        "time": [f"time.{name}" for name in (*BEGAN, "holiday")],
        "profile": ["profile.tier", "profile.age"],
    }
    assert after["state"] == "joined"
    assert [after[k] for k in ("context", "enriched")] == [
        before[k] for k in ("context", "enriched")
    ]


def test_nothing_that_the_request_brought_is_overridden(
    service: WorkerInProcess,
) -> None:
    service.create("hero", enrich={"device": {}, "time": {"namespace": "clock"}})

    word = decided(service, context={"device": "mobile"}, user_agent=IPHONE)
    part = decided(
        service,
        context={"device": {"class": "tv"}, "clock": {}},
        user_agent=IPHONE,
    )

    assert word == {"device": "mobile", "clock": BEGAN}
    assert part == {"device": PHONE | {"class": "tv"}, "clock": {}}


def test_an_experiment_that_declares_none_keeps_its_context(
    service: WorkerInProcess,
) -> None:
    service.create("hero")

    answer = service.decide("hero", user_agent=IPHONE, context={"a": 1})
    record = service.get(f"/v1/decisions/{answer['decision_id']}").json

    assert record["context"] == {"a": 1}
    assert "enriched" not in record


def test_a_pages_own_headers_count_and_a_servers_do_not(
    service: WorkerInProcess,
) -> None:
    service.create("hero", enrich={"device": {}})
    body = {"experiment": "hero"}

    page = service.post("/v1/decisions", body, ORIGIN).json
    server = service.post("/v1/decisions", body, {"User-Agent": IPHONE}).json
    told = service.post("/v1/decisions", body | {"user_agent": "curl/8.5.0"}, ORIGIN)

    found = [
        context_of(service, one["decision_id"]) for one in (page, server, told.json)
    ]
    assert found == [
        {"device": PHONE},
        {},
        {"device": {"class": "bot", "is_bot": True}},
    ]


def test_no_file_holds_what_the_browser_said_or_where_it_is(
    service: WorkerInProcess,
) -> None:
    service.create(
        "hero",
        enrich={
            "device": {"user_agent": "context.agent"},
            "weather": {"latitude": "context.lat", "longitude": "context.lon"},
            "profile": {"traits": ["tier"]},
        },
    )
    service.call("PUT", "/v1/units/u-1", {"traits": {"tier": "silver-tier"}})
    service.learn()
    where = {"lat": 52.516274, "lon": 13.377703}
    marked = f"{IPHONE} Marked/81.72"

    asked = {"context": where, "unit_id": "u-1", "request_id": "r-1"}
    first = decided(service, **asked, user_agent=marked)
    again = decided(service, **asked, user_agent=marked)
    third = decided(service, context=where | {"agent": marked})
    page = {"experiment": "hero", "context": where}
    service.post("/v1/decisions", page, ORIGIN | {"User-Agent": marked})
    service.learn(after_s=4_000)

    assert first == again
    assert first == {"device": PHONE, "profile": {"tier": "silver-tier"}}
    assert third == {"device": PHONE}
    kept = b"".join(
        path.read_bytes() for path in Path(service.folder).rglob("*") if path.is_file()
    )
    assert b"silver-tier" in kept
    for raw in (b"Marked/81.72", b"KHTML", b"516274", b"377703"):
        assert raw not in kept


def test_a_request_that_comes_again_is_compared_without_what_was_added(
    service: WorkerInProcess,
) -> None:
    service.create(
        "hero", enrich={"time": {}, "weather": {}, "device": {}}, sticky=None
    )
    body = {
        "experiment": "hero",
        "request_id": "r",
        "context": {"latitude": 52.5, "longitude": 13.4, "device": {"class": "tv"}},
        "user_agent": IPHONE,
    }

    first = service.post("/v1/decisions", body).json
    service.now_ms += 60_000
    again = service.post("/v1/decisions", body).json
    other = service.post("/v1/decisions", body | {"context": {"device": "tv"}})

    assert again == first
    assert other.status_code == 409


def test_without_consent_nothing_is_added(service: WorkerInProcess) -> None:
    service.create(
        "hero", enrich={"device": {}, "time": {}, "profile": {"traits": ["tier"]}}
    )
    consent = {"traits": {"tier": "gold"}, "consent": "denied"}
    service.call("PUT", "/v1/units/u-1", consent)
    service.learn()

    denied = decided(service, unit_id="u-1", user_agent=IPHONE)
    body = {"experiment": "hero", "user_agent": IPHONE}
    private = service.post("/v1/decisions", body, {"Sec-GPC": "1"}).json

    assert denied == context_of(service, private["decision_id"]) == {}


def test_field_policies_hold_for_what_is_added(service: WorkerInProcess) -> None:
    service.create(
        "hero",
        features_strict=True,
        enrich={"time": {}, "profile": {"traits": ["email", "age"]}},
        fields={
            "time.hour": {"policy": "bucket", "width": 6},
            "time.weekend": "drop",
            "profile.email": "hash",
            "profile.age": {"policy": "bucket", "width": 10},
        },
    )
    traits = {"email": "ann@example.org", "age": 47}
    service.call("PUT", "/v1/units/u-1", {"traits": traits})
    service.learn()

    answer = service.decide("hero", unit_id="u-1")
    record = service.get(f"/v1/decisions/{answer['decision_id']}").json

    clock, profile = record["context"]["time"], record["context"]["profile"]
    assert (clock["hour"], "weekend" in clock, profile["age"]) == (6, False, 40)
    assert len(profile["email"]) == 16
    assert "time.weekend" not in record["enriched"]["time"]


def test_conditions_of_variants_read_what_is_added(service: WorkerInProcess) -> None:
    when = "device.class == 'tv'"
    service.create(
        "hero",
        enrich={"device": {}},
        variants=[{"key": "a"}, {"key": "b", "when": when}],
    )

    answer = service.decide("hero", user_agent=IPHONE)

    assert answer["ineligible"] == {"b": f"when: {when}"}


@pytest.mark.parametrize(
    ("path", "body", "items"),
    [
        ("/v1/decisions", {"experiment": "hero", "slots": 2}, None),
        (
            "/v1/decisions/batch",
            {"decisions": [{"experiment": "hero", "user_agent": IPHONE}] * 3},
            "decisions",
        ),
        (
            "/v1/decisions",
            {"experiment": "hero", "variants": [{"key": "x"}, {"key": "y"}]},
            None,
        ),
    ],
)
def test_every_kind_of_request_is_added_to(
    service: WorkerInProcess, path: str, body: dict[str, Any], items: str | None
) -> None:
    service.create("hero", enrich={"device": {}}, request_variants="replace")
    if items is None:
        body = body | {"user_agent": IPHONE}

    answer = service.post(path, body).json

    for one in [answer] if items is None else answer[items]:
        assert context_of(service, one["decision_id"])["device"] == PHONE


def test_a_flag_is_evaluated_for_the_browser_of_its_page(
    service: WorkerInProcess,
) -> None:
    service.create("hero", enrich={"device": {"user_agent": "context.agent"}})
    flags = "/ofrep/v1/evaluate/flags"
    context = {"targetingKey": "u-1"}

    page = service.post(f"{flags}/hero", {"context": context}, ORIGIN)
    server = service.post(f"{flags}/hero", {"context": context | {"agent": IPHONE}})
    bulk = service.post(flags, {"context": context | {"agent": IPHONE}})

    assert (page.status_code, server.status_code, bulk.status_code) == (200, 200, 200)
    service.learn()
    overview = service.worker.storage.overview
    number = service.worker.catalog.experiment("hero").number
    found = [
        one.decision.context
        for state in ("open", "deferred")
        for one in overview.recent(number, state, 9)
    ]
    assert found == [{"device": PHONE}] * 3


def test_the_definition_comes_back_and_a_change_is_a_revision(
    service: WorkerInProcess,
) -> None:
    service.create("hero", enrich={"device": {}, "time": {"holidays": ["DE-BY"]}})

    changed = service.patch("/v1/experiments/hero", {"enrich": {"device": None}})
    same = service.patch("/v1/experiments/hero", {"enrich": changed.json["enrich"]})

    assert changed.json["revision"] == same.json["revision"] == 2
    assert changed.json["enrich"] == {
        "time": {
            "namespace": "time",
            "zone": "UTC",
            "holidays": ["DE-BY"],
            "within_ms": 20.0,
        }
    }
    assert decided(service)["time"]["holiday"] is False


def test_each_enricher_is_counted_by_its_outcome(service: WorkerInProcess) -> None:
    service.create(
        "hero",
        enrich={
            "device": {},
            "time": {"holidays": "context.land"},
            "weather": {},
            "profile": {"traits": ["tier"]},
        },
    )
    before = _counts()
    decided(service, user_agent=IPHONE, context={"land": "ZZ"})
    decided(service, context={"device": {"class": "tv"}, "land": "FR"})
    device = {"class": 1, "os": 1, "browser": 1, "is_bot": False}
    decided(service, user_agent=IPHONE, context={"device": device})

    after = _counts()
    assert {
        k: n - before.get(k, 0) for k, n in after.items() if n > before.get(k, 0)
    } == {
        ("device", "filled"): 1,
        ("device", "unknown"): 1,
        ("device", "sent"): 1,
        ("time", "filled"): 1,
        ("time", "unknown"): 2,
        ("weather", "unavailable"): 3,
        ("profile", "unknown"): 3,
    }


def _counts() -> dict[tuple[str, str], float]:
    metrics.render()
    return {
        (sample.labels["enricher"], sample.labels["outcome"]): sample.value
        for family in metrics.ENRICHMENTS.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_the_page_of_a_decision_marks_what_was_added(start_worker: StartWorker) -> None:
    service = start_worker(dev=True)
    service.create("hero", enrich={"device": {}, "time": {}})
    answer = service.decide("hero", user_agent="curl/8.5.0")
    service.learn()

    page = service.get(f"/experiments/hero/decisions/{answer['decision_id']}")

    assert page.status_code == 200
    text = " ".join(page.text.split())
    assert "<code>device.class</code>, <code>device.is_bot</code> (device);" in text
    assert "<code>time.weekend</code> (time)." in text


def test_past_flask_a_pages_headers_count_too(service: WorkerInProcess) -> None:
    service.create("hero", enrich={"device": {}})
    context = RequestContext(service.worker, lambda: service.now_ms, os.urandom)
    key = f"Bearer {service.publishable}".encode()
    sent = [(b"host", b"x"), (b"authorization", key), (b"user-agent", IPHONE.encode())]
    found = []
    for more in ([], [(b"origin", b"https://shop.example")]):
        headers = plain_headers([*sent, *more])
        assert headers is not None
        hot = HOT[b"/v1/decisions"]
        reply = HotRoutes(context).answer(hot, headers, b'{"experiment": "hero"}')
        found.append(context_of(service, json.loads(reply.body)["decision_id"]))

    assert found == [{}, {"device": PHONE}]
