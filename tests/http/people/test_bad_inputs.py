"""A bad input about people: a problem with the place of its fault, nothing stored."""

import json
from collections.abc import Callable

import pytest

from tests.harness.worker_in_process import StartWorker, WorkerInProcess

Case = tuple[str, str, bytes | str, int, str | None]

EVENT = "POST /v1/events"
EVENTS = "POST /v1/events/batch"
UNIT = "PUT /v1/units/bad"
DECIDE = "POST /v1/decisions"
REWARD = "POST /v1/rewards"
DEFINE = "POST /v1/experiments"
ACTIVATE = "POST /v1/activations/batch"

LONG = "x" * 257
KB_10 = "x" * 10_000
DEEP = "[" * 200 + "]" * 200
BOTTOMLESS = "[" * 30_000 + "]" * 30_000
OLD = "1999-01-01T00:00:00Z"


def event(**fields: object) -> str:
    return json.dumps({"unit_id": "bad", "event": "viewed"} | fields)


def rewarded(**fields: object) -> str:
    """Return an event that is a reward of a decision."""
    own = {"event": "purchased", "decision_id": "CREDITED", "value": 5}
    return event(**own | fields)


def many(name: str) -> str:
    return json.dumps({name: ["x"] * 1_001})


def unit(**fields: object) -> str:
    return json.dumps(fields)


def linking(**fields: object) -> str:
    """Return a request whose link is new, and which is refused for something else."""
    own = {"experiment": "people", "unit_id": "bad", "links": ["other"]}
    return json.dumps(own | fields)


def reward(**fields: object) -> str:
    return json.dumps({"unit_id": "bad", "reward_id": "r", "value": 1} | fields)


def new(**fields: object) -> str:
    return json.dumps({"key": "new", "variants": [{"key": "a"}]} | fields)


def variant(**fields: object) -> str:
    return new(variants=[{"key": "a"} | fields, {"key": "b"}])


def feature(text: object) -> str:
    return new(features={"other": "count(viewed)", "f": text})


CASES: list[Case] = [
    (EVENT, "no unit", '{"event": "viewed"}', 400, "/unit_id"),
    (EVENT, "unit null", event(unit_id=None), 400, "/unit_id"),
    (EVENT, "unit number", event(unit_id=5), 400, "/unit_id"),
    (EVENT, "unit empty", event(unit_id=""), 400, "/unit_id"),
    (EVENT, "unit of 10 kB", event(unit_id=KB_10), 400, "/unit_id"),
    (EVENT, "lone surrogate", '{"unit_id": "\\ud800", "event": "viewed"}', 400, ""),
    (EVENT, "no event", '{"unit_id": "bad"}', 400, "/event"),
    (EVENT, "event long", event(event=LONG), 400, "/event"),
    (EVENT, "id empty", event(event_id=""), 400, "/event_id"),
    (EVENT, "id number", event(event_id=7), 400, "/event_id"),
    (EVENT, "unknown field", event(foo=1), 400, "/foo"),
    (EVENT, "value NaN", event(value=float("nan")), 400, "/value"),
    (EVENT, "value text", event(value="5"), 400, "/value"),
    (EVENT, "value true", event(value=True), 400, "/value"),
    (EVENT, "NaN", event(properties={"a": [float("nan")]}), 400, "/properties/a/0"),
    (EVENT, "properties list", event(properties=[1]), 400, "/properties"),
    (EVENT, "properties", event(properties={"a": "x" * 5_000}), 400, "/properties"),
    (EVENT, "deep", event(properties={"a": 1}).replace("1", BOTTOMLESS), 400, ""),
    (EVENT, "no offset", event(occurred_at=OLD[:-1]), 400, "/occurred_at"),
    (EVENT, "long ago", event(occurred_at=OLD), 400, "/occurred_at"),
    (EVENT, "to come", event(occurred_at="9999-01-01T00:00:00Z"), 400, "/occurred_at"),
    (EVENT, "forged", rewarded(decision_id="FORGED"), 400, "/decision_id"),
    (EVENT, "no reward of it", event(decision_id="CREDITED"), 400, "/decision_id"),
    (EVENT, "rewarded, unit", rewarded(unit_id=""), 400, "/unit_id"),
    (EVENT, "rewarded, id", rewarded(event_id=""), 400, "/event_id"),
    (EVENT, "rewarded, id long", rewarded(event_id=LONG), 400, "/event_id"),
    (EVENT, "rewarded, long ago", rewarded(occurred_at=OLD), 400, "/occurred_at"),
    (
        EVENT,
        "rewarded, properties",
        rewarded(properties={"a": "x" * 5_000}),
        400,
        "/properties",
    ),
    (EVENTS, "1,001", many("events"), 400, "/events"),
    (EVENTS, "object", '{"events": {}}', 400, "/events"),
    (EVENTS, "none", "{}", 400, "/events"),
    (EVENTS, "unknown field", '{"events": [], "foo": 1}', 400, "/foo"),
    (UNIT, "traits list", unit(traits=[1]), 400, "/traits"),
    (UNIT, "traits null", unit(traits=None), 400, "/traits"),
    (
        UNIT,
        "33 traits",
        unit(traits=dict.fromkeys(map(str, range(33)))),
        400,
        "/traits",
    ),
    (
        UNIT,
        "traits over 1 kB",
        unit(traits={str(i): "x" * 100 for i in range(11)}),
        400,
        "/traits",
    ),
    (UNIT, "trait long", unit(traits={"a": LONG}), 400, "/traits/a"),
    (UNIT, "trait nests", unit(traits={"a/b": {}}), 400, "/traits/a~1b"),
    (UNIT, "trait NaN", unit(traits={"a": float("nan")}), 400, "/traits/a"),
    (UNIT, "trait deep", '{"traits": {"a": ' + DEEP + "}}", 400, "/traits/a"),
    (UNIT, "consent word", unit(consent="maybe"), 400, "/consent"),
    (UNIT, "consent true", unit(consent=True), 400, "/consent"),
    (UNIT, "unknown field", unit(trait={}), 400, "/trait"),
    (UNIT, "linked to itself", unit(links=["a", "bad"]), 400, "/links/1"),
    (UNIT, "6 links", unit(links=list("abcdef")), 400, "/links"),
    (UNIT, "link empty", unit(links=[""]), 400, "/links/0"),
    (UNIT, "link of 10 kB", unit(links=[KB_10]), 400, "/links/0"),
    (UNIT, "links text", unit(links="abc"), 400, "/links"),
    (f"PUT /v1/units/{LONG}", "id long", "{}", 400, "/unit_id"),
    ("PUT /v1/units/a%FF", "id no UTF-8", "{}", 400, "/unit_id"),
    ("GET /v1/units/a%FF", "id no UTF-8", "", 400, "/unit_id"),
    ("DELETE /v1/units/a%FF", "id no UTF-8", "", 400, "/unit_id"),
    (f"DELETE /v1/units/{LONG}", "id long", "", 400, "/unit_id"),
    ("GET /v1/units/nobody", "unknown", "", 404, "/unit_id"),
    ("GET /v1/erasures/none", "unknown", "", 404, "/id"),
    ("GET /v1/why/FORGED", "forged", "", 404, "/decision_id"),
    ("GET /v1/rewards/none", "unknown", "", 404, "/reward_id"),
    (DECIDE, "no unit", '{"experiment": "people", "links": ["a"]}', 400, "/links"),
    (DECIDE, "6 links", linking(links=list("abcdef")), 400, "/links"),
    (DECIDE, "itself", linking(links=["bad"]), 400, "/links/0"),
    (DECIDE, "link, no experiment", linking(experiment="no"), 404, "/experiment"),
    (DECIDE, "link, paused", linking(experiment="paused"), 409, "/experiment"),
    (DECIDE, "link, exclude", linking(exclude=["A"]), 400, "/exclude/0"),
    (DECIDE, "link, variants", linking(variants=["A"]), 400, "/variants/0"),
    (DECIDE, "link, none left", linking(exclude=["a", "b"]), 422, None),
    (DECIDE, "link, unit", linking(context={"unit": {}}), 400, "/context/unit"),
    (
        DECIDE,
        "features of its own",
        '{"experiment": "people", "context": {"unit": {"views": 5}}}',
        400,
        "/context/unit",
    ),
    (REWARD, "correction", reward(reward_id="no", correction=True), 404, "/reward_id"),
    (
        REWARD,
        "correction of a decision",
        reward(decision_id="CREDITED", reward_id="no", correction=True).replace(
            '"unit_id": "bad", ', ""
        ),
        404,
        "/reward_id",
    ),
    (REWARD, "no id", '{"unit_id": "bad", "value": 1}', 400, "/reward_id"),
    (REWARD, "unit of 10 kB", reward(unit_id=KB_10), 400, "/unit_id"),
    (REWARD, "NaN", reward(value=float("nan")), 400, "/value"),
    (REWARD, "no such event", reward(event="no"), 400, "/event"),
    (REWARD, "no such metric", reward(metric="no"), 400, "/metric"),
    (REWARD, "no credit", reward(experiment="hero"), 400, "/unit_id"),
    (
        ACTIVATE,
        "1,001",
        many("decision_ids"),
        400,
        "/decision_ids",
    ),
    (ACTIVATE, "number", '{"decision_ids": [1]}', 400, "/decision_ids/0"),
    (DEFINE, "unknown function", feature("median(viewed)"), 400, "/features/f"),
    (DEFINE, "nested functions", feature("count(count(a))"), 400, "/features/f"),
    (DEFINE, "window", feature("count(viewed, 91d)"), 400, "/features/f"),
    (DEFINE, "feature number", feature(5), 400, "/features/f"),
    (DEFINE, "feature list", feature(["count(viewed)"]), 400, "/features/f"),
    (
        DEFINE,
        "33 features",
        new(features={f"f{i}": "count(viewed)" for i in range(33)}),
        400,
        "/features",
    ),
    (DEFINE, "name", new(features={"a/b": "count(viewed)"}), 400, "/features/a~1b"),
    (DEFINE, "operator", variant(when="unit.a ?? 2"), 400, "/variants/0/when"),
    (DEFINE, "call", variant(when="f(unit.a)"), 400, "/variants/0/when"),
    (DEFINE, "long when", variant(when="a = 1 or " * 999), 400, "/variants/0/when"),
    (
        DEFINE,
        "from after until",
        variant(**{"from": "2026-12-02T00:00:00Z", "until": "2026-12-01T00:00:00Z"}),
        400,
        "/variants/0/until",
    ),
    (DEFINE, "no offset", variant(until="2026-12-01"), 400, "/variants/0/until"),
    (DEFINE, "21 tags", variant(tags=["t"] * 21), 400, "/variants/0/tags"),
    (DEFINE, "sticky", new(sticky={"for_seconds": 0}), 400, "/sticky/for_seconds"),
    (
        DEFINE,
        "break",
        new(sticky={"for_seconds": 5, "break_when": ["mdl"]}),
        400,
        "/sticky/break_when/0",
    ),
    (DEFINE, "credit", new(reward={"credit": "first"}), 400, "/reward/credit"),
    (
        DEFINE,
        "policy of a field",
        new(fields={"ok": {}, "a": {"policy": "burn"}, "b": {}}),
        400,
        "/fields/a/policy",
    ),
    (DEFINE, "key of a field", new(fields={"a": {"foo": 1}}), 400, "/fields/a/foo"),
    (DEFINE, "bucket", new(fields={"a": {"policy": "bucket"}}), 400, "/fields/a"),
    (
        "PATCH /v1/experiments/people",
        "unknown function",
        unit(features={"f": "median(viewed)"}),
        400,
        "/features/f",
    ),
]


def test_a_bad_input_is_a_problem_with_its_place_and_nothing_is_stored(
    refused: Callable[[Case], None], case: Case
) -> None:
    refused(case)


@pytest.mark.parametrize("again", [{}, {"exclude": ["a"]}, {"request_id": "r-9"}])
def test_links_are_kept_with_the_decision_that_brings_them(
    crowded: WorkerInProcess, again: dict[str, object]
) -> None:
    name = f"u-{len(again)}-{'exclude' in again}"
    links = [f"anon-{name}"]
    crowded.decide("people", unit_id=name, links=links, **again)
    crowded.learn()

    assert crowded.get(f"/v1/units/{name}").json["links"] == links


@pytest.mark.parametrize("number", [b"9" * 400, b"-" + b"9" * 310])
def test_a_number_that_no_float_can_hold_is_no_reward(
    start_worker: StartWorker, number: bytes
) -> None:
    """An integer of JSON may have any length."""
    service = start_worker()
    service.create("hero", reward={"event": "bought", "value": "properties.price"})
    body = b'{"unit_id": "u", "event": "bought", "properties": {"price": %s}}'
    answer = service.post("/v1/events", body % number)

    assert (answer.status_code, answer.json["status"]) == (202, "accepted")
