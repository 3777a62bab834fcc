"""What Segment forwards, and what the mapping of a source makes of tracks."""

import gzip
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from tests.harness.web.signed import Source
from tests.harness.web.write_key import basic, new_write_key
from tests.harness.worker_in_process import Answer, WorkerInProcess

ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u-1",
    "messageId": "m-1",
    "properties": {"order_id": "o-1", "revenue": "84.50", "currency": "EUR"},
}
REFUND = {
    "type": "track",
    "event": "Order Refunded",
    "userId": "u-1",
    "messageId": "m-2",
    "properties": {"order_id": "o-1", "left": 20, "currency": "EUR"},
}
MONEY: dict[str, object] = {
    "experiment": "hero",
    "unit": ["userId", "anonymousId"],
    "reward_id": "properties.order_id",
    "currency": "properties.currency",
    "currencies": {"EUR": 1.0, "USD": 0.5},
}
MAPPING: dict[str, object] = {
    "events": [
        MONEY | {"type": "Order Completed", "value": "properties.revenue"},
        MONEY
        | {"type": "Order Refunded", "value": "properties.left", "correction": True},
        {"type": "Seen", "to": "event", "event": "viewed", "unit": "userId"},
    ]
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[WorkerInProcess]:
    started = WorkerInProcess(tmp_path, dev=False, pseudonym_key=b"k" * 32)
    started.create(
        "hero",
        holdout=0.0,
        features={"views": "count(viewed)", "orders": "count('Order Completed')"},
        reward={
            "credit": "last_exposed",
            "window_seconds": 3600,
            "maximum": None,
        },
    )
    yield started
    started.close()


def forward(
    service: WorkerInProcess, source: Source, message: object, **headers: str
) -> Answer:
    body = msgspec.json.encode(message)
    signed = hmac.new(source.secret.encode(), body, hashlib.sha1).hexdigest()
    sent = {"Authorization": "", "X-Signature": signed} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if sent.get("Content-Encoding"):
        body = gzip.compress(body)
    return service.post(f"/v1/webhooks/{source.name}", body, sent)


def track(service: WorkerInProcess, key: str, *messages: object) -> Any:
    answer = service.post("/v1/batch", {"batch": messages}, basic(key))
    assert answer.status_code == 200, answer.text
    return answer.json


def rewards(service: WorkerInProcess, decided: dict[str, Any]) -> list[Any]:
    service.learn()
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json
    return [(r["reward_id"], r["value"]) for r in record["rewards"]]


def views(service: WorkerInProcess, unit_id: str = "u-1") -> Any:
    service.learn()
    return service.get(f"/v1/units/{unit_id}").json["features"]["hero"]


def counted(source: str, outcome: str) -> float:
    labels = {"source": source, "outcome": outcome}
    return REGISTRY.get_sample_value("bandit_webhook_events_total", labels) or 0.0


def test_what_segment_forwards_is_taken_once(service: WorkerInProcess) -> None:
    source = Source(service, "segment")
    viewed = ORDER | {
        "event": "viewed",
        "context": {"page": {"url": "u" * 40_000}},
        "originalTimestamp": "2031-05-01T12:00:00Z",
        "sentAt": "2031-05-01T12:00:01Z",
        "timestamp": "2027-01-15T07:59:45.000Z",
        "receivedAt": "2027-01-15T07:59:46.000Z",
    }
    first = forward(service, source, viewed)
    zipped = forward(service, source, viewed, Content_Encoding="gzip")
    service.learn()
    again = forward(service, source, viewed)
    identified = {"type": "identify", "userId": "u-1", "anonymousId": "a-1"}
    linked = forward(service, source, identified)

    assert first.status_code == zipped.status_code == 200
    assert first.json == {"outcomes": [{"status": "accepted", "event_id": "m-1"}]}
    assert again.json == {"outcomes": [{"status": "duplicate", "event_id": "m-1"}]}
    assert linked.json == {"outcomes": [{"status": "accepted"}]}
    assert views(service, "a-1") == {"views": 1}


def test_what_segment_has_not_signed_is_refused_and_stores_nothing(
    service: WorkerInProcess,
) -> None:
    source = Source(service, "segment")
    before, refused = service.stored(), counted("orders", "signature")
    body = msgspec.json.encode(ORDER)
    right = hmac.new(source.secret.encode(), body, hashlib.sha1).hexdigest()
    for signature in ("", "x", "00", right[:-1], right[:-2] + "00", "é" + right):
        sent = {"X-Signature": signature.encode().decode("latin-1")}
        answer = service.post("/v1/webhooks/orders", body, sent)
        assert answer.status_code == 401
    changed = service.post("/v1/webhooks/orders", body + b" ", {"X-Signature": right})
    missing = forward(service, source, [ORDER])
    unknown = forward(service, source, ORDER | {"type": "charge"})

    assert changed.status_code == 401
    assert [missing.status_code, unknown.status_code] == [400, 400]
    assert service.stored() == before
    assert counted("orders", "signature") == refused + 7


def test_a_former_secret_signs_while_it_is_good(service: WorkerInProcess) -> None:
    source = Source(service, "segment")
    source.rotate(3_600_000)
    assert forward(service, source, ORDER).status_code == 200
    service.now_ms += 3_600_000
    assert forward(service, source, ORDER).status_code == 401


def test_a_mapping_rewards_and_corrects_by_unit(service: WorkerInProcess) -> None:
    decided = service.decide("hero", unit_id="u-1")
    source = Source(service, "segment", MAPPING)
    ordered = [track(service, source.secret, ORDER) for _ in range(2)]
    bought = rewards(service, decided)
    track(service, source.secret, REFUND)
    service.learn()

    assert [one["accepted"] + one["duplicate"] for one in ordered] == [1, 1]
    assert bought == [("o-1", 84.5)]
    assert rewards(service, decided) == [("o-1", 20.0)]
    assert views(service) == {"orders": 1}


def test_a_mapping_converts_and_counts_what_it_does_not_take(
    service: WorkerInProcess,
) -> None:
    decided = service.decide("hero", unit_id="u-1")
    source = Source(service, "segment", MAPPING, name="money")
    before = counted("money", "currency")
    messages = []
    for number, currency in enumerate(("USD", "CHF")):
        properties = {"revenue": 10, "currency": currency, "order_id": f"o-{number}"}
        name = {"messageId": f"m-{number}", "properties": properties}
        messages.append(ORDER | name)
    track(service, source.secret, *messages)

    assert rewards(service, decided) == [("o-0", 5.0)]
    assert counted("money", "currency") == before + 1


def test_a_mapping_may_name_an_event_otherwise(service: WorkerInProcess) -> None:
    source = Source(service, "segment", MAPPING)
    seen = {"type": "track", "event": "Seen", "userId": "u-1"}
    track(service, source.secret, seen, seen | {"event": "viewed"})

    assert views(service) == {"views": 2}


def test_a_message_without_the_mapped_number_is_refused_alone(
    service: WorkerInProcess,
) -> None:
    source = Source(service, "segment", MAPPING)
    bad = ORDER | {"messageId": "m-9", "properties": {"currency": "EUR"}}
    found = track(service, source.secret, bad, ORDER)

    assert (found["accepted"], found["refused"]) == (1, 1)
    assert found["errors"][0]["pointer"].startswith("/batch/0/")
    assert views(service) == {"orders": 1}


def test_the_mapping_of_a_browser_rewards_nothing(service: WorkerInProcess) -> None:
    decided = service.decide("hero", unit_id="u-1")
    key = new_write_key(service, "page", browser=True, mapping=MAPPING)
    track(service, key, ORDER, REFUND)

    assert rewards(service, decided) == []
    assert views(service) == {"orders": 1}
