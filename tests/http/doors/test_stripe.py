"""Deliveries of Stripe, signed by its own package."""

from typing import Any

import pytest

from tests.harness.web.signed import Source
from tests.harness.worker_in_process import Answer, StartWorker, WorkerInProcess

PAYMENTS: dict[str, object] = {
    "events": [
        {
            "type": "checkout.session.completed",
            "value": "data.object.amount_total",
            "scale": 0.01,
            "currency": "data.object.currency",
            "currencies": {"eur": 1},
            "unit": ["data.object.client_reference_id", "data.object.metadata.unit_id"],
            "decision_id": "data.object.metadata.decision_id",
            "reward_id": "data.object.payment_intent",
        },
        {
            "type": "payment_intent.succeeded",
            "value": "data.object.amount_received",
            "scale": 0.01,
            "currency": "data.object.currency",
            "currencies": {"eur": 1},
            "unit": "data.object.metadata.unit_id",
            "decision_id": "data.object.metadata.decision_id",
            "reward_id": "data.object.id",
        },
        {
            "type": "charge.refunded",
            "value": "data.object.amount_captured",
            "minus": "data.object.amount_refunded",
            "scale": 0.01,
            "currency": "data.object.currency",
            "currencies": {"eur": 1},
            "unit": "data.object.metadata.unit_id",
            "decision_id": "data.object.metadata.decision_id",
            "reward_id": "data.object.payment_intent",
            "occurred_at": "data.object.created",
            "correction": True,
        },
    ]
}


@pytest.fixture
def shop(start_worker: StartWorker) -> WorkerInProcess:
    service = start_worker()
    reward = {"window_seconds": 3_600.0, "credit": "last_exposed", "maximum": None}
    service.create("hero", holdout=0.0, reward=reward)
    return service


def stripe_event(
    service: WorkerInProcess, kind: str, **fields: object
) -> dict[str, object]:
    """Return an event in the shape of Stripe's API."""
    created = service.now_ms // 1_000
    known = {"object": kind.partition(".")[0], "created": created, "currency": "eur"}
    return {
        "id": f"evt_{kind}",
        "object": "event",
        "api_version": "2026-10-28",
        "created": created,
        "livemode": True,
        "type": kind,
        "data": {"object": known | fields},
    }


def checkout(service: WorkerInProcess, **fields: object) -> dict[str, object]:
    known = {
        "id": "cs_1",
        "amount_total": 8400,
        "payment_intent": "pi_1",
        "client_reference_id": "u",
        "metadata": {},
    }
    return stripe_event(service, "checkout.session.completed", **(known | fields))


def ledger(service: WorkerInProcess) -> list[Any]:
    found = service.get("/v1/rewards/pi_1")
    return (
        [] if found.status_code == 404 else [r["value"] for r in found.json["rewards"]]
    )


def status(answer: Answer) -> str:
    assert answer.status_code == 200, answer.text
    (one,) = answer.json["outcomes"]
    return str(one["status"])


def test_a_checkout_and_its_payment_are_one_reward(shop: WorkerInProcess) -> None:
    source = Source(shop, "stripe", PAYMENTS)
    shop.decide("hero", unit_id="u")
    first = source.send(checkout(shop))
    payment = {"id": "pi_1", "amount_received": 8400, "metadata": {"unit_id": "u"}}
    same = source.send(stripe_event(shop, "payment_intent.succeeded", **payment))
    shop.learn()

    assert (status(first), status(same)) == ("accepted", "accepted")
    assert status(source.send(checkout(shop))) == "duplicate"
    assert ledger(shop) == [84.0]


def test_a_refund_corrects_the_payment(shop: WorkerInProcess) -> None:
    source = Source(shop, "stripe", PAYMENTS)
    decided = shop.decide("hero", unit_id="u")
    named = {"metadata": {"decision_id": decided["decision_id"]}}
    source.send(checkout(shop, **named))
    told = []
    for refunded in (3000, 8400, 3000):
        charge = {
            "id": "ch_1",
            "payment_intent": "pi_1",
            "amount_captured": 8400,
            "amount_refunded": refunded,
        }
        refund = stripe_event(shop, "charge.refunded", **(charge | named))
        told.append(status(source.send(refund)))
        shop.learn()

    assert told == ["corrected", "corrected", "superseded"]
    assert ledger(shop) == [0.0]


def test_test_mode_counts_where_the_source_says_so(shop: WorkerInProcess) -> None:
    source = Source(shop, "stripe", PAYMENTS)
    trial = Source(shop, "stripe", PAYMENTS, name="trial", test_mode=True)
    shop.decide("hero", unit_id="u")
    body = checkout(shop) | {"livemode": False}

    assert status(source.send(body)) == "ignored"
    assert status(trial.send(body)) == "accepted"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "t=1800000000",
        "t=1800000000,v1=00",
        "t=1800000000,v0=00",
        "v1=00",
        "t=1,t=2,v1=00",
        "t=1700000000,v1=00",
        "=,=",
    ],
)
def test_a_wrong_signature_is_a_401(shop: WorkerInProcess, header: str) -> None:
    source = Source(shop, "stripe", PAYMENTS)
    before = shop.stored()
    answer = source.send(checkout(shop), Stripe_Signature=header)

    assert answer.status_code == 401
    assert shop.stored() == before


@pytest.mark.parametrize("body", [b"[]", b"{", b"{}", b'{"id": "evt_1", "type": 1}'])
def test_a_body_that_is_no_event_is_a_400(shop: WorkerInProcess, body: bytes) -> None:
    source = Source(shop, "stripe", PAYMENTS)

    assert source.send(body).status_code == 400
