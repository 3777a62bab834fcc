"""Messages of Segment's protocol become events, traits and links."""

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.services.managing.webhook_sources import ENTROPY_BYTES, rotate_secret
from bandit_svc.services.people.pseudonyms import KEY_BYTES
from bandit_svc.wiring import Backends
from tests.harness.web.write_key import basic, new_write_key
from tests.harness.worker_in_process import Answer, WorkerInProcess

NOTHING = {
    "success": True,
    "accepted": 0,
    "duplicate": 0,
    "dropped": 0,
    "ignored": 0,
    "refused": 0,
    "links_refused": 0,
    "errors": [],
}
VIEW = {"type": "track", "event": "viewed", "userId": "u-1", "messageId": "m-1"}
BUY = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u-1",
    "messageId": "m-2",
    "properties": {"revenue": "84.50", "currency": "EUR"},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WorkerInProcess]:
    """Return a service with pseudonyms, and an experiment that credits purchases."""
    started = WorkerInProcess(tmp_path, dev=False, pseudonym_key=os.urandom(KEY_BYTES))
    started.create(
        "hero",
        holdout=0.5,
        features={"views": "count(viewed)", "spent": "sum('Order Completed'.revenue)"},
        reward={
            "event": "Order Completed",
            "value": "properties.revenue",
            "window_seconds": 3600,
            "maximum": None,
        },
    )
    new_write_key(started)
    yield started
    started.close()


def key_of(service: WorkerInProcess) -> str:
    (source,) = service.worker.storage.sources.all()
    return source.secrets[0].text


def send(service: WorkerInProcess, path: str, body: object, **headers: str) -> Answer:
    return service.post(path, body, basic(key_of(service)) | headers)


def batch(service: WorkerInProcess, *messages: object, **headers: str) -> Any:
    """Send a batch and return what became of it, without what is zero."""
    answer = send(service, "/v1/batch", {"batch": messages}, **headers)
    assert answer.status_code == 200, answer.text
    return {k: v for k, v in answer.json.items() if v != NOTHING[k]}


def seen(service: WorkerInProcess, unit_id: str) -> Any:
    """Return what is known of a unit, once the learner has it."""
    service.learn()
    answer = service.get(f"/v1/units/{unit_id}")
    return answer.json if answer.status_code == 200 else None


def on_disk(service: WorkerInProcess) -> bytes:
    """Return the bytes of all files of the data folder."""
    files = [path for path in service.folder.rglob("*") if path.is_file()]
    return b"\n".join(path.read_bytes() for path in files)


def counted(kind: str, outcome: str) -> float:
    labels = {"type": kind, "outcome": outcome}
    return REGISTRY.get_sample_value("bandit_segment_messages_total", labels) or 0.0


def test_a_track_is_an_event_of_the_unit(service: WorkerInProcess) -> None:
    assert batch(service, VIEW, {**VIEW, "messageId": "m-9"}) == {"accepted": 2}
    decided = seen(service, "u-1") and service.decide("hero", unit_id="u-1")
    service.learn()
    receipt = service.get(f"/v1/decisions/{decided['decision_id']}").json

    assert receipt["context"] == {"unit": {"views": 2}}


@pytest.mark.parametrize("between", [False, True])
def test_a_purchase_is_credited_once_though_it_comes_twice(
    service: WorkerInProcess,
    between: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    decided = service.decide("hero", unit_id="u-1")
    first = batch(service, BUY)
    if between:
        service.learn()
    second = batch(service, BUY)
    service.learn()
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json

    assert first == {"accepted": 1}
    assert second == ({"duplicate": 1} if between else {"accepted": 1})
    assert [(r["reward_id"], r["value"]) for r in record["rewards"]] == [("m-2", 84.5)]


def test_who_signs_in_keeps_the_group(service: WorkerInProcess) -> None:
    groups: dict[str, str] = {}
    for i in range(30):
        groups[f"u-{i}"] = service.decide("hero", unit_id=f"a-{i}")["group"]
    service.learn()
    who = [{"userId": f"u-{i}", "anonymousId": f"a-{i}"} for i in range(20)]
    identified = [{**one, "type": "identify"} for one in who[:10]]
    tracked = [{**one, "type": "track", "event": "viewed"} for one in who[10:]]
    aliases = [
        {"type": "alias", "userId": f"u-{i}", "previousId": f"a-{i}"}
        for i in range(20, 30)
    ]
    assert batch(service, *identified, *tracked, *aliases) == {"accepted": 30}
    service.learn()

    assert set(groups.values()) == {"treatment", "baseline"}
    for unit, group in groups.items():
        assert service.decide("hero", unit_id=unit)["group"] == group


def test_identify_changes_traits_once_and_in_order(service: WorkerInProcess) -> None:
    first = {**VIEW, "type": "identify", "traits": {"tier": "silver", "zone": "Paris"}}
    later = {**first, "messageId": "m-3", "traits": {"tier": "gold", "zone": None}}
    batch(service, first)
    service.learn()
    batch(service, later)
    service.learn()

    assert batch(service, first) == {"duplicate": 1}
    assert seen(service, "u-1")["traits"] == {"tier": "gold"}


def test_known_links_are_not_logged_again(service: WorkerInProcess) -> None:
    linked = {**VIEW, "anonymousId": "a-1"}
    batch(service, linked)
    service.learn()
    before = service.stored()
    assert batch(service, linked) == {"duplicate": 1}

    assert service.stored() == before


def test_a_device_that_many_share_is_not_linked_and_its_events_count(
    service: WorkerInProcess,
) -> None:
    refused = counted("track", "link_refused")
    for i in range(8):
        body = {**VIEW, "anonymousId": f"a-{i}", "messageId": f"m-{i}"}
        found = batch(service, body)
        assert found == {"accepted": 1} | ({"links_refused": 1} if i > 4 else {})
        service.learn()
    person = service.get("/v1/units/u-1").json

    assert person["features"]["hero"] == {"views": 8}
    assert len(person["links"]) == 5
    assert counted("track", "link_refused") == refused + 3


def test_each_route_takes_its_own_message(service: WorkerInProcess) -> None:
    who = {"userId": "u-1", "previousId": "b-1"}
    for kind in ("track", "identify", "alias", "page", "screen", "group"):
        body = {**who, "event": "viewed", "traits": {"tier": "gold"}}
        kept = "ignored" if kind == "group" else "accepted"
        for path in (kind, kind[0]):
            message = body | {"messageId": f"of {kind}"}
            answer = send(service, f"/v1/{path}", message)
            assert answer.json == NOTHING | {kept: 1}
    imported = send(service, "/v1/import", {"batch": [{**VIEW, "userId": "u-1"}]})
    person = seen(service, "u-1")

    assert imported.json == NOTHING | {"accepted": 1}
    assert person["features"]["hero"] == {"views": 2}
    assert person["traits"] == {"tier": "gold"}
    assert len(person["links"]) == 1


def test_a_bad_message_does_not_fail_the_others(service: WorkerInProcess) -> None:
    kinds = [("track", "refused"), ("unknown", "refused"), ("group", "ignored")]
    before = [counted(*one) for one in kinds]
    body = [
        VIEW,
        {"type": "track", "event": "viewed"},
        {**VIEW, "type": "charge"},
        "no object",
        {"type": "group", "userId": "u-1", "groupId": "acme"},
        {**VIEW, "messageId": "m-7", "properties": {"note": "n" * 33_000}},
    ]
    found = batch(service, *body)
    pointers = [one["pointer"] for one in found.pop("errors")]

    assert found == {"accepted": 1, "ignored": 1, "refused": 4}
    assert pointers == [
        *("/batch/1/userId", "/batch/2/type", "/batch/3", "/batch/5"),
    ]
    assert seen(service, "u-1")["features"]["hero"] == {"views": 1}
    after = [counted(*one) for one in kinds]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 3, 1]


def bomb() -> bytes:
    return gzip.compress(b'{"batch":[' + b" " * 20_000_000 + b"]}")


REFUSALS: dict[str, tuple[str, object, int, str]] = {
    "no JSON": ("/v1/batch", b"{", 400, "invalid_input"),
    "a list": ("/v1/batch", [VIEW], 400, "invalid_input"),
    "no batch": ("/v1/batch", VIEW, 400, "invalid_input"),
    "nothing valid": ("/v1/batch", {"batch": [{}, 1]}, 400, "invalid_input"),
    "too many": ("/v1/batch", {"batch": [{}] * 2_501}, 400, "invalid_input"),
    "no id": ("/v1/track", {"event": "viewed"}, 400, "invalid_input"),
    "no event": ("/v1/track", {"userId": "u-1"}, 400, "invalid_input"),
    "large": ("/v1/track", b"{}".ljust(32_769), 413, "too_large"),
    "large batch": ("/v1/batch", b"{}".ljust(512_001), 413, "too_large"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_malformed_as_a_whole_is_refused_and_stores_nothing(
    service: WorkerInProcess, name: str
) -> None:
    path, body, status, code = REFUSALS[name]
    before = service.stored()
    answer = send(service, path, body)

    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    # RudderStack's SDK sends again what has no `code` and `message`.
    assert (answer.json["success"], answer.json["code"]) == (False, code)
    assert answer.json["message"]
    assert answer.json["errors"]
    assert service.stored() == before


def test_compressed_bodies_have_the_same_limits(service: WorkerInProcess) -> None:
    before = service.stored()
    zipped = {"Content-Encoding": "gzip"}
    plain = json.dumps({"batch": [VIEW]}).encode()
    broken = send(service, "/v1/batch", plain, **zipped)
    exploded = send(service, "/v1/batch", bomb(), **zipped)
    other = send(service, "/v1/batch", plain, **{"Content-Encoding": "br"})

    assert [broken.status_code, exploded.status_code] == [400, 413]
    assert other.status_code == 415
    assert service.stored() == before
    answer = send(service, "/v1/batch", gzip.compress(plain), **zipped)
    assert answer.json == NOTHING | {"accepted": 1}


def test_only_a_valid_write_key_may_send(service: WorkerInProcess) -> None:
    key = key_of(service)
    before = service.stored()
    body = {"batch": [VIEW]}
    wrong: list[tuple[object, dict[str, str]]] = [
        (body, {"Authorization": ""}),
        (body, {"Authorization": f"Bearer {service.secret}"}),
        (body, basic("")),
        (body, basic("nobody")),
        (body, basic(service.secret)),
        (body, basic(key, "with a password")),
        (body, {"Authorization": f"Bearer {key}"}),
        (body | {"writeKey": key}, basic("nobody")),
        (body | {"writeKey": "nobody"}, {"Authorization": ""}),
        (body | {"writeKey": 7}, {"Authorization": ""}),
        (b"{", {"Authorization": ""}),
    ]
    for sent, headers in wrong:
        answer = service.post("/v1/batch", sent, headers)
        assert answer.status_code == 401, answer.text
        assert not answer.json["success"]
        assert {"code", "message"} <= set(answer.json)
    assert service.stored() == before

    own = service.post("/v1/batch", body | {"writeKey": key}, {"Authorization": ""})
    assert own.json == NOTHING | {"accepted": 1}


def test_a_key_that_browsers_have_rewards_nothing(service: WorkerInProcess) -> None:
    public = new_write_key(service, "page", browser=True)
    decided = service.decide("hero", unit_id="u-1")
    answer = service.post(
        "/v1/batch",
        {"batch": [BUY, VIEW], "writeKey": public},
        {"Authorization": "", "Content-Type": "text/plain", "Origin": "https://shop"},
    )
    person = seen(service, "u-1")
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json

    assert answer.json == NOTHING | {"accepted": 2}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert person["features"]["hero"] == {"views": 1, "spent": 84.5}
    assert record["rewards"] == []


def test_a_key_is_good_while_its_source_has_it(service: WorkerInProcess) -> None:
    sources, key = service.worker.storage.sources, key_of(service)
    hour_ms, entropy = 3_600_000, os.urandom(ENTROPY_BYTES)
    new = rotate_secret(sources, "shop", entropy, service.now_ms, hour_ms).text

    def statuses() -> list[int]:
        track = [service.post("/v1/track", VIEW, basic(one)) for one in (key, new)]
        return [answer.status_code for answer in track]

    assert statuses() == [200, 200]
    service.now_ms += hour_ms
    assert statuses() == [401, 200]
    sources.remove("shop")
    assert statuses() == [401, 401]


def test_pages_may_ask_whether_they_may_send(service: WorkerInProcess) -> None:
    answer = service.client.options("/v1/batch", headers={"Origin": "https://shop"})

    assert answer.status_code == 204
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("how", ["denied", "GPC"])
def test_without_consent_nothing_is_kept(service: WorkerInProcess, how: str) -> None:
    headers = {"Sec-GPC": "1"} if how == "GPC" else {}
    if how == "denied":
        service.call("PUT", "/v1/units/u-1", {"consent": "denied"})
        service.learn()
    before = service.stored()
    who = {"userId": "u-1", "anonymousId": "a-1", "traits": {"tier": "gold"}}
    messages = [
        *(VIEW, BUY, {**VIEW, "anonymousId": "a-1"}),
        {**who, "type": "identify"},
        {"type": "alias", "userId": "u-2", "previousId": "u-1"},
        {"type": "page", "userId": "u-1", "name": "Home"},
    ]

    assert batch(service, *messages, **headers) == {"dropped": 6}
    assert service.stored() == before


def test_no_id_and_no_personal_trait_is_stored(service: WorkerInProcess) -> None:
    traits = {"email": "erika@mail.example", "name": "Erika Mustermann", "tier": "gold"}
    who = {"userId": "erika.mustermann", "anonymousId": "anon-7f-secret"}
    batch(service, {**who, "type": "identify", "traits": traits})
    batch(service, {**BUY, **who}, {**who, "type": "page", "name": "Home"})
    person = seen(service, "erika.mustermann")
    stored = on_disk(service)

    assert person["traits"] == {"tier": "gold"}
    for text in (*who.values(), "mail.example", "Mustermann"):
        assert text.encode() not in stored


def test_erased_units_are_forgotten_with_what_they_were_linked_to(
    service: WorkerInProcess,
) -> None:
    who = {"userId": "u-1", "anonymousId": "a-1", "traits": {"town": "secret-town"}}
    batch(service, {**who, "type": "identify", "messageId": "m-5"})
    assert seen(service, "a-1")["traits"] == {"town": "secret-town"}
    assert b"secret-town" in on_disk(service)
    assert service.call("DELETE", "/v1/units/u-1").status_code == 202
    with closing(Backends(service.worker.settings)) as fresh:
        erase_unit(fresh.privacy, lambda: service.now_ms, os.urandom)

    assert seen(service, "u-1") is None
    assert seen(service, "a-1") is None
    assert b"secret-town" not in on_disk(service)


def test_a_log_that_can_not_be_written_is_503_for_the_whole_batch(
    service: WorkerInProcess,
) -> None:
    log = service.folder / "log"
    log.write_bytes(b"a file where the folder of the log should be")
    refused = send(service, "/v1/batch", {"batch": [VIEW, BUY, {}]})
    log.unlink()
    again = batch(service, VIEW, BUY)

    assert (refused.status_code, refused.json["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) >= 1
    assert again == {"accepted": 2}
