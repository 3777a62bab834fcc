"""Deliveries of Standard Webhooks, signed by the package that senders use."""

import gzip
import os
from contextlib import closing
from typing import Any

import pytest

from bandit_svc.services.managing.privacy.erase_unit import erase_unit
from bandit_svc.wiring import Backends
from tests.harness.web.signed import Signed, Source
from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

DAY_MS = 86_400_000
PURCHASE = {"window_seconds": 3_600.0, "event": "purchased", "maximum": None}
PAID_AND_REFUNDED: list[dict[str, object]] = [
    {
        "type": "order.paid",
        "value": "data.total",
        "scale": 0.01,
        "currency": "data.currency",
        "currencies": {"EUR": 1, "GBP": 1.25},
        "unit": "data.customer",
        "reward_id": "data.order",
        "occurred_at": "data.paid_at",
        "maximum": 500,
    },
    {
        "type": "order.refunded",
        "value": "data.total",
        "minus": "data.refunded",
        "scale": 0.01,
        "currency": "data.currency",
        "currencies": {"EUR": 1, "GBP": 1.25},
        "unit": "data.customer",
        "reward_id": "data.order",
        "occurred_at": "data.paid_at",
        "correction": True,
    },
]
MAPPING: dict[str, object] = {"events": PAID_AND_REFUNDED}


@pytest.fixture
def shop(start_worker: StartWorker) -> WorkerInProcess:
    """A service with one experiment that purchases reward."""
    service = start_worker()
    service.create("hero", holdout=0.0, reward=PURCHASE)
    return service


def event(kind: str, **data: object) -> dict[str, object]:
    return {"type": kind, "timestamp": "2027-01-15T08:00:00Z", "data": data}


def paid(service: WorkerInProcess, **data: object) -> dict[str, object]:
    order = {
        *(("total", 8400), ("currency", "eur"), ("customer", "u"), ("order", "o-1")),
        ("paid_at", service.now_ms / 1_000),
    }
    return event("order.paid", **dict(order) | data)


def refunded(
    service: WorkerInProcess, refund: object, **data: object
) -> dict[str, object]:
    body = paid(service, refunded=refund, **data)
    return body | {"type": "order.refunded"}


def ledger(service: WorkerInProcess, reward_id: str = "o-1") -> list[Any]:
    answer = service.get(f"/v1/rewards/{reward_id}")
    if answer.status_code == 404:
        return []
    return [(r["value"], r["status"]) for r in answer.json["rewards"]]


def statuses(answer: Answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["status"] for one in answer.json["outcomes"]]


def counted(service: WorkerInProcess, outcome: str, source: str = "orders") -> float:
    found = f'bandit_webhook_events_total{{outcome="{outcome}",source="{source}"}}'
    for line in service.get("/metrics").text.splitlines():
        if line.startswith(found):
            return float(line.rpartition(" ")[2])
    return 0.0


def test_without_a_mapping_data_is_a_reward_or_an_event(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks")
    decided = shop.decide("hero", unit_id="u")
    of_decision = {"decision_id": decided["decision_id"], "value": 3}
    reward = source.send(event("reward", **of_decision), "msg-1")
    bought = {"unit_id": "u", "event": "purchased", "value": 5}
    seen = source.send({"type": "event", "data": bought}, "msg-2")
    shop.learn()
    again = source.send(event("reward", **of_decision), "msg-1")
    record = shop.get(f"/v1/decisions/{decided['decision_id']}").json

    assert statuses(reward) == statuses(seen) == ["accepted"]
    assert statuses(again) == ["duplicate"]
    assert [(r["reward_id"], r["value"]) for r in record["rewards"]] == [
        ("msg-1", 3.0),
        ("msg-2", 5.0),
    ]


def test_a_mapping_makes_a_reward_of_an_event(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    decided = shop.decide("hero", unit_id="u")
    shop.now_ms += 1_000
    first = source.send(paid(shop, total="8400.0"))
    other = source.send(paid(shop, total=100_00, currency="GBP", order="o-2"), "msg-2")
    clipped = source.send(paid(shop, total=9_000_00, order="o-3"), "msg-3")
    shop.learn()
    record = shop.get(f"/v1/decisions/{decided['decision_id']}").json

    assert statuses(first) == statuses(other) == statuses(clipped) == ["accepted"]
    assert [(r["reward_id"], r["value"]) for r in record["rewards"]] == [
        ("o-1", 84.0),
        ("o-2", 125.0),
        ("o-3", 500.0),
    ]


@pytest.mark.parametrize("is_known", [False, True], ids=["at once", "much later"])
def test_a_refund_sets_the_new_total_in_whichever_order(
    shop: WorkerInProcess, *, is_known: bool
) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    shop.decide("hero", unit_id="u")
    order = paid(shop)
    half, more = refunded(shop, 42_00), refunded(shop, 80_00)

    def send(body: dict[str, object], message_id: str) -> str:
        if is_known:
            shop.learn()
        return statuses(source.send(body, message_id))[0]

    told = [
        send(more, "m-3"),
        send(order, "m-1"),
        send(half, "m-2"),
        send(more, "m-3"),
        send(order, "m-1"),
    ]
    shop.learn()

    assert told[0] == "accepted"
    assert told[2] == "superseded"
    assert ledger(shop)[0][0] == 4.0
    assert len(ledger(shop)) == 1


def test_what_is_not_for_us_is_answered_and_counted(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    shop.decide("hero", unit_id="u")
    before = shop.stored()
    sent = [
        event("customer.created", id=1),
        paid(shop) | {"livemode": False},
        paid(shop, customer=None),
    ]
    found = [statuses(source.send(one, f"m-{i}")) for i, one in enumerate(sent)]
    dollars = statuses(source.send(paid(shop, currency="USD"), "m-9"))

    assert found == [["ignored"]] * 3
    assert dollars == ["currency"]
    assert shop.stored() == before
    assert counted(shop, "ignored") >= 3
    assert counted(shop, "currency") >= 1


def test_a_clock_that_is_ahead_counts_as_now(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    decided = shop.decide("hero", unit_id="u")
    ahead = paid(shop, paid_at=(shop.now_ms + 3 * DAY_MS) / 1_000)
    answer = source.send(ahead)
    shop.learn()
    (reward,) = shop.get(f"/v1/decisions/{decided['decision_id']}").json["rewards"]

    assert statuses(answer) == ["accepted"]
    assert reward["occurred_at"] == reward["received_at"]


def test_several_secrets_are_good_while_a_sender_changes(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    old = source.secret
    new = source.rotate(keep_ms=60_000)
    with_old = source.send(paid(shop))
    source.secret = new
    with_new = source.send(paid(shop, order="o-2"), "msg-2")
    shop.now_ms += 60_000
    source.secret = old
    too_late = source.send(paid(shop, order="o-3"), "msg-3")

    assert statuses(with_old)[0] in {"accepted", "quarantined"}
    assert statuses(with_new)[0] in {"accepted", "quarantined"}
    assert too_late.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status", "outcome"),
    [
        ({"webhook_signature": "v1,c2lnbmF0dXJl"}, 401, "signature"),
        ({"webhook_signature": "v1,\u00e9"}, 401, "signature"),
        ({"webhook_signature": ""}, 401, "signature"),
        ({"webhook_signature": "v1a,x v2,y"}, 401, "signature"),
        ({"webhook_id": "another"}, 401, "signature"),
        ({"webhook_id": ""}, 401, "signature"),
        ({"webhook_timestamp": "now"}, 401, "signature"),
        ({"webhook_timestamp": "-1"}, 401, "signature"),
        ({"webhook_timestamp": "9" * 400}, 401, "signature"),
        ({"Content_Encoding": "br"}, 415, "invalid"),
        ({"Content_Encoding": "gzip"}, 400, "invalid"),
    ],
)
def test_a_delivery_that_is_not_signed_so_leaves_nothing(
    shop: WorkerInProcess, headers: dict[str, str], status: int, outcome: str
) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    before, count = shop.stored(), counted(shop, outcome)
    answer = source.send(paid(shop), **headers)

    assert answer.status_code == status, answer.text
    assert source.secret not in answer.text
    assert shop.stored() == before
    assert counted(shop, outcome) == count + 1


@pytest.mark.parametrize("off_s", [-301, 301])
def test_a_signature_of_another_time_is_refused(
    shop: WorkerInProcess, off_s: int
) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    before = shop.stored()
    shop.now_ms += off_s * 1_000
    signed = source.sign(paid(shop))
    shop.now_ms -= off_s * 1_000
    answer = source.deliver(signed)

    assert answer.status_code == 401
    assert "300 s" in answer.json["detail"]
    assert shop.stored() == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"type": 3}',
        b'{"type": "order.paid", "timestamp": "yesterday"}',
        (
            b'{"type": "order.paid", "data": {"total": true, "customer": "u", '
            b'"currency": "EUR", "order": "o-1", "paid_at": 1800000000}}'
        ),
        (
            b'{"type": "order.paid", "data": {"total": "12,5", "customer": "u", '
            b'"currency": "EUR", "order": "o-1", "paid_at": 1800000000}}'
        ),
        b'{"type": "order.paid", "data": {"total": 1e999}}',
        b'{"type": "order.paid", "data": {"total": 1' + b"0" * 400 + b', "customer": '
        b'"u", "currency": "EUR", "order": "o-1", "paid_at": 1800000000}}',
        b'{"type": "reward", "timestamp": 1' + b"0" * 400 + b', "data": {}}',
        b'{"a":' * 400 + b"1" + b"}" * 400,
    ],
)
def test_a_bad_body_under_a_right_signature_is_a_400(
    shop: WorkerInProcess, body: bytes
) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    before, count = shop.stored(), counted(shop, "invalid")
    answer = source.send(body)

    assert answer.status_code == 400, answer.text
    assert shop.stored() == before
    assert counted(shop, "invalid") == count + 1


def test_a_body_may_be_compressed_and_no_larger_than_the_limit(
    shop: WorkerInProcess,
) -> None:
    source = Source(shop, "standard-webhooks")
    plain = source.sign(event("reward", unit_id="u", event="purchased", value=1))
    headers = plain.headers | {"Content-Encoding": "gzip"}
    zipped = source.deliver(Signed(gzip.compress(plain.body), headers))
    before = shop.stored()
    bomb = source.deliver(Signed(gzip.compress(b" " * 50_000_000), headers))
    large = source.deliver(Signed(b" " * 1_048_577, plain.headers))

    assert zipped.status_code == 200, zipped.text
    assert (bomb.status_code, large.status_code) == (413, 413)
    assert counted(shop, "too_large") >= 2
    assert shop.stored() == before


def test_a_source_that_there_is_not_is_a_404(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks")
    source.name = "other"
    answer = source.send(paid(shop))

    assert answer.status_code == 404
    assert counted(shop, "unknown", "(other)") >= 1


def test_of_a_unit_that_denied_consent_nothing_is_kept(shop: WorkerInProcess) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    shop.decide("hero", unit_id="u")
    shop.call("PUT", "/v1/units/u", {"consent": "denied"})
    shop.learn()
    before = shop.stored()
    sent = [refunded(shop, 42_00), paid(shop), refunded(shop, 80_00)]
    found = [statuses(source.send(one, f"m-{i}")) for i, one in enumerate(sent)]

    assert found == [["dropped"]] * 3
    assert shop.stored() == before


@pytest.mark.parametrize("days", [1, 8, 29])
def test_a_delivery_counts_once_for_longer_than_a_week(
    shop: WorkerInProcess, days: int
) -> None:
    source = Source(shop, "standard-webhooks", MAPPING)
    decided = shop.decide("hero", unit_id="u")
    sent = [paid(shop), refunded(shop, 42_00)]
    bought = {"unit_id": "u", "event": "purchased", "value": 5}
    native = Source(shop, "standard-webhooks", name="native")
    for i, one in enumerate(sent):
        source.send(one, f"m-{i}")
    native.send({"type": "event", "data": bought}, "m-9")
    shop.learn()
    shop.learn(after_s=days * 86_400)
    told = [statuses(source.send(one, f"m-{i}")) for i, one in enumerate(sent)]
    told.append(statuses(native.send({"type": "event", "data": bought}, "m-9")))
    shop.learn()
    record = shop.get(f"/v1/decisions/{decided['decision_id']}").json

    assert told[1:] == [["duplicate"], ["duplicate"]]
    assert told[0] in (["duplicate"], ["conflict"])
    assert sorted(r["value"] for r in record["rewards"]) == [5.0, 42.0]


@pytest.mark.parametrize("named", ["customer", "decision"])
def test_an_erased_unit_leaves_no_total_of_its_refunds(
    shop: WorkerInProcess, named: str
) -> None:
    by_decision = {"unit": [], "decision_id": "data.decision"}
    rules = [PAID_AND_REFUNDED[i] | by_decision for i in range(2)]
    source = Source(shop, "standard-webhooks", {"events": rules})
    if named == "customer":
        source = Source(shop, "standard-webhooks", MAPPING, name="by-customer")
    decision = shop.decide("hero", unit_id="u")["decision_id"]
    shop.now_ms += 1_000
    source.send(paid(shop, decision=decision), "m-1")
    source.send(refunded(shop, 42_00, decision=decision), "m-2")
    shop.learn()
    before = shop.stored()["table webhook_totals"]
    shop.call("DELETE", "/v1/units/u")
    with closing(Backends(shop.worker.settings)) as fresh:
        erase_unit(fresh.privacy, lambda: shop.now_ms, os.urandom)

    assert len(before) == 1
    assert shop.stored()["table webhook_totals"] == []
