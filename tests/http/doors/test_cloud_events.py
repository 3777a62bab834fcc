"""Deliveries of CloudEvents 1.0, made by the package that senders use."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent

from tests.harness.web.signed import Signed, Source
from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

SHOP = "https://shop.example/orders"


@pytest.fixture
def shop(start_worker: StartWorker) -> WorkerInProcess:
    service = start_worker()
    reward = {"window_seconds": 3_600.0, "credit": "last_exposed", "maximum": None}
    service.create("hero", holdout=0.0, reward=reward)
    return service


def made(
    service: WorkerInProcess,
    event_id: str = "e-1",
    kind: str = "reward",
    **data: object,
) -> CloudEvent:
    at = datetime.fromtimestamp(service.now_ms / 1_000, UTC)
    return CloudEvent(
        attributes={"id": event_id, "source": SHOP, "type": kind, "time": at},
        data={"unit_id": "u", "value": 7} | data,
    )


def with_token(source: Source, message: HTTPMessage, token: str = "") -> Answer:
    bearer = {"Authorization": f"Bearer {token or source.secret}"}
    return source.deliver(Signed(message.body, dict(message.headers) | bearer))


def signed(source: Source, message: HTTPMessage, message_id: str) -> Answer:
    head = source.sign(message.body, message_id).headers
    return source.deliver(Signed(message.body, dict(message.headers) | head))


def statuses(answer: Answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["status"] for one in answer.json["outcomes"]]


def kept(service: WorkerInProcess, decided: dict[str, Any]) -> list[Any]:
    service.learn()
    record = service.get(f"/v1/decisions/{decided['decision_id']}").json
    return [(r["reward_id"], r["value"]) for r in record["rewards"]]


@pytest.mark.parametrize("mode", [to_structured_event, to_binary_event])
def test_both_modes_are_one_reward_signed_or_with_the_secret(
    shop: WorkerInProcess, mode: Callable[[CloudEvent], HTTPMessage]
) -> None:
    source = Source(shop, "cloudevents")
    decided = shop.decide("hero", unit_id="u")
    message = mode(made(shop))
    first = with_token(source, message)
    again = signed(source, message, "e-1")

    assert statuses(first) == statuses(again) == ["accepted"]
    assert kept(shop, decided) == [(f"{SHOP}/e-1", 7.0)]
    assert statuses(with_token(source, message)) == ["duplicate"]


def test_a_batch_says_what_became_of_each(shop: WorkerInProcess) -> None:
    source = Source(shop, "cloudevents")
    decided = shop.decide("hero", unit_id="u")
    events = [
        *(made(shop, "e-1"), made(shop, "e-2", value="much"), made(shop, "e-3")),
        made(shop, "e-4", kind="order.seen"),
    ]
    bodies = [msgspec.Raw(to_structured_event(one).body) for one in events]
    media = {"Content-Type": "application/cloudevents-batch+json"}
    batch = HTTPMessage(headers=media, body=msgspec.json.encode(bodies))
    answer = signed(source, batch, "batch-1")
    bad = HTTPMessage(headers=media, body=msgspec.json.encode(bodies[1:2] * 2))

    assert answer.status_code == 200, answer.text
    told = [one["status"] for one in answer.json["outcomes"]]
    assert told == ["accepted", 400, "accepted", "ignored"]
    assert answer.json["outcomes"][1]["errors"][0]["pointer"] == "/1/data/value"
    assert signed(source, bad, "batch-2").status_code == 400
    assert kept(shop, decided) == [(f"{SHOP}/e-1", 7.0), (f"{SHOP}/e-3", 7.0)]


def test_data_may_be_in_base64(shop: WorkerInProcess) -> None:
    source = Source(shop, "cloudevents")
    decided = shop.decide("hero", unit_id="u")
    event = msgspec.json.decode(to_structured_event(made(shop)).body)
    data = base64.b64encode(msgspec.json.encode(event.pop("data"))).decode()
    body = msgspec.json.encode(event | {"data_base64": data})
    media = {"Content-Type": "application/cloudevents+json; charset=utf-8"}

    assert statuses(with_token(source, HTTPMessage(media, body))) == ["accepted"]
    assert kept(shop, decided) == [(f"{SHOP}/e-1", 7.0)]


def test_a_binary_event_is_signed_with_its_own_id(shop: WorkerInProcess) -> None:
    source = Source(shop, "cloudevents")
    message = to_binary_event(made(shop))
    before = shop.stored()
    replayed = signed(source, message, "another")
    wrong = with_token(source, message, "whsec_" + "A" * 32)
    key = with_token(source, message, shop.secret)

    assert (replayed.status_code, wrong.status_code, key.status_code) == (401, 401, 401)
    assert shop.stored() == before


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", b"{}"),
        ("application/cloudevents+json", b"[]"),
        ("application/cloudevents+json", b"{}"),
        ("application/cloudevents-batch+json", b"{}"),
        ("application/cloudevents-batch+json", b"[1]"),
        (
            "application/cloudevents+json",
            b'{"specversion":"0.3","id":"1","source":"/","type":"reward"}',
        ),
        (
            "application/cloudevents+json",
            b'{"specversion":"1.0","id":"1","source":"/","type":"reward","time":"x"}',
        ),
        (
            "application/cloudevents+json",
            (
                b'{"specversion":"1.0","id":"1","source":"/","type":"reward",'
                b'"data_base64":"*"}'
            ),
        ),
    ],
)
def test_what_is_no_cloud_event_is_a_400(
    shop: WorkerInProcess, media: str, body: bytes
) -> None:
    source = Source(shop, "cloudevents")
    before = shop.stored()
    answer = with_token(source, HTTPMessage({"Content-Type": media}, body))

    assert answer.status_code == 400, answer.text
    assert shop.stored() == before
