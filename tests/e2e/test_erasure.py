"""A unit that is erased beside a running service is in no file of it any more."""

import json
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.served import Served, StartServed
from tests.harness.stored.data_folder import found_in, pseudonyms_of, run

UNIT, DEVICE = "erika.mustermann", "device-anon-7f3a"
TRAIT, PROPERTY, HAT = "platinum-zebra", "dress-secret-42", "grandmas-own-hat"
REQUEST, TRACE = "request-of-erika-1", "trace-of-erika-1"
PLAIN = (UNIT, DEVICE, TRAIT, PROPERTY, HAT, REQUEST, TRACE)
DEFINITIONS: list[dict[str, Any]] = [
    {
        "key": "hero",
        "policy": {"kind": "linear"},
        "features": {"style": "top(viewed.style, 30d)", "views": "count(viewed, 7d)"},
        "holdout": 0.3,
    },
    {"key": "sticky", "sticky": {"for_seconds": 3600}, "policy": {"kind": "vw"}},
]


def send(service: Served, method: str, path: str, body: object = None) -> Any:
    """Send a request that carries a name of its own."""
    request = urllib.request.Request(  # noqa: S310 - our own service
        service.url + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Request-Id": TRACE},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer), answer.headers


def start(start_service: StartServed) -> Served:
    """Return a service whose segments are small, and are kept."""
    service = start_service(segment_bytes="65536", keep_log_days="1")
    for definition in DEFINITIONS:
        rest = {
            "variants": [{"key": "a"}, {"key": "b"}],
            "reward": {"window_seconds": 0.5},
        }
        service.post("/v1/experiments", {**rest, **definition})
    return service


def visit(service: Served, unit: str, context: Mapping[str, object]) -> list[str]:
    """Decide in each experiment, and reward; return the ids."""
    ids = []
    for definition in DEFINITIONS:
        body = {"experiment": definition["key"], "unit_id": unit, "context": context}
        made = service.post("/v1/decisions", body)
        service.post("/v1/rewards", {"decision_id": made["decision_id"], "value": 1.0})
        ids.append(made["decision_id"])
    return ids


def live(service: Served) -> list[str]:
    """Let the person who will be erased leave traces; return her decisions."""
    viewed = {"unit_id": DEVICE, "event": "viewed", "properties": {"style": PROPERTY}}
    send(service, "POST", "/v1/events", viewed)
    change = {"traits": {"tier": TRAIT}, "links": [DEVICE], "consent": "granted"}
    send(service, "PUT", f"/v1/units/{UNIT}", change)
    service.wait_for(
        lambda: (service.get(f"/v1/units/{UNIT}") or {}).get("traits"), "the unit known"
    )
    ids = visit(service, UNIT, {"device": "mobile", "user": {"hat": HAT}})
    ids += visit(service, DEVICE, {"device": "mobile", "hour": 7})
    body = {"experiment": "hero", "unit_id": UNIT, "context": {"hat": HAT}}
    made, _ = send(service, "POST", "/v1/decisions", {**body, "request_id": REQUEST})
    return [*ids, made["decision_id"]]


@contextmanager
def others(service: Served) -> Iterator[None]:
    """Keep the traffic of others going on."""
    stop = threading.Event()

    def go() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            context = {"device": ("mobile", "desktop")[n % 2], "hour": n % 24}
            visit(service, f"other-{n % 50}", context)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def joined(service: Served, ids: list[str]) -> bool:
    return all(service.get(f"/v1/decisions/{i}")["state"] == "joined" for i in ids)


def all_names(data: Path) -> list[str]:
    """Return what must be gone: what was sent, and the pseudonyms."""
    return [*PLAIN, *pseudonyms_of(data, UNIT, DEVICE)]


@pytest.mark.e2e
def test_after_an_erasure_beside_traffic_no_file_has_the_unit_and_all_verifies(
    start_service: StartServed,
) -> None:
    service = start(start_service)
    data = service.data
    with others(service):
        ids = live(service)
        service.wait_for(lambda: joined(service, ids), "her decisions joined")
        before = [service.get(f"/v1/decisions/{i}") for i in ids]
        for form in ("dsjson", "parquet"):
            out = str(data / f"export.{form}")
            run(data, "export", "hero", "--format", form, "--out", out)
        exported = json.loads(run(data, "privacy", "export", UNIT))
        names = all_names(data)
        seen = {word for _, word in found_in(data, names)}
        said = run(data, "privacy", "erase", UNIT)
        assert found_in(data, names) == []
        after = [service.get(f"/v1/decisions/{i}") for i in ids]
        assert found_in(data, names) == []

    # All were there: the test looks for what was written.
    assert seen == set(names) - {UNIT, DEVICE}
    assert {d["decision_id"] for d in exported["decisions"]} == set(ids)
    assert exported["state"]["traits"] == {"tier": TRAIT}
    assert "Deleted export.parquet" in said
    # The holdout's decisions are not among those that others learn from.
    treated = before[0]["group"] == "treatment"
    assert ("Deleted export.dsjson" in said) == treated
    for old, new in zip(before, after, strict=True):
        for kept in ("variant", "propensity", "variants", "group", "reward", "rewards"):
            assert old[kept] == new[kept]
        assert new["unit_id"].startswith("e_")
        assert new["request_id"] is None
    assert after[0]["context"] == {"device": "mobile"}
    assert {d["unit_id"] for d in after} == {d["unit_id"] for d in after[:3]}
    service.stop()
    for definition in DEFINITIONS:
        run(data, "replay", definition["key"], "--verify")
    run(data, "replay", "--units", "--verify")
    run(data, "doctor")
    assert found_in(data, names) == []


@pytest.mark.e2e
def test_an_erasure_over_http_changes_no_number_of_the_report(
    start_service: StartServed,
) -> None:
    service = start(start_service)
    hers = live(service)
    for n in range(60):
        visit(service, f"other-{n % 20}", {"device": "mobile", "hour": n % 24})
    ids = [*hers, *visit(service, "last", {})]
    service.wait_for(lambda: joined(service, ids), "everything joined")
    reports = [service.get(f"/v1/experiments/{d['key']}/report") for d in DEFINITIONS]
    answer, headers = send(service, "DELETE", f"/v1/units/{UNIT}")
    place = headers["Location"]
    service.wait_for(lambda: service.get(place)["status"] == "done", "the erasure done")
    again = [service.get(f"/v1/experiments/{d['key']}/report") for d in DEFINITIONS]

    assert answer["status"] == "queued"
    assert service.get(place)["erased"]["decisions"] == len(set(hers))
    assert found_in(service.data, all_names(service.data)) == []
    for old, new in zip(reports, again, strict=True):
        assert new["decisions"] == old["decisions"]
        assert new["uplift"] == old["uplift"]
        assert new["groups"] == old["groups"]
    assert service.get(f"/v1/units/{UNIT}") is None
