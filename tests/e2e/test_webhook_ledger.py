"""A thousand deliveries, twice and out of order: the ledger is the truth, to the row.

Three sources report orders and refunds to a real service of two workers. Each delivery
comes twice, signed anew by the package that its senders use.
"""

import http.client
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, NamedTuple

import msgspec
import pytest
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent

from bandit_svc.clock import now_ms
from bandit_svc.storage.doors.sources import SourceKind
from tests.harness.served import Served, StartServed
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.signed import headers_of

pytestmark = pytest.mark.e2e

UNITS, ORDERS = 60, 252
HERO = {
    "key": "hero",
    "variants": [{"key": "a"}, {"key": "b"}],
    "holdout": 0.5,
    "reward": {"window_seconds": 3600, "credit": "last_exposed", "maximum": None},
}
CENTS = {"scale": 0.01, "currency": "data.object.currency", "currencies": {"EUR": 1}}
PAID = {
    "type": "order.paid",
    "value": "data.object.amount",
    "unit": "data.object.customer",
    "reward_id": "data.object.order",
    "occurred_at": "data.object.paid_at",
}
REFUNDED = {"type": "order.refunded", "minus": "data.object.refunded"}
MAPPING = {
    "events": [PAID | CENTS, PAID | CENTS | REFUNDED | {"correction": True}],
}
KINDS: tuple[SourceKind, ...] = ("standard-webhooks", "stripe", "cloudevents")


class Sent(NamedTuple):
    """One delivery, before it is signed."""

    kind: SourceKind
    id: str
    type: str
    order: dict[str, object]


class Truth(NamedTuple):
    """What is sent, and what each unit's decision is worth after it."""

    deliveries: list[Sent]
    rewards: dict[str, dict[str, float]]


def story(paid_at_ms: int) -> Truth:
    """Return orders with no, a whole or two partial refunds."""
    deliveries: list[Sent] = []
    rewards: dict[str, dict[str, float]] = {f"u-{i}": {} for i in range(UNITS)}
    for i in range(ORDERS):
        unit, name, kind = f"u-{i % UNITS}", f"o-{i}", KINDS[i % len(KINDS)]
        amount = 1_000 + i
        refunds = ([], [amount], [100, 300])[i // len(KINDS) % 3]
        order: dict[str, object] = {
            "order": name,
            "customer": unit,
            "amount": amount,
            "currency": "eur",
            "paid_at": paid_at_ms,
        }
        deliveries.append(Sent(kind, f"paid-{i}", "order.paid", order))
        deliveries += [
            Sent(kind, f"back-{i}-{sum_}", "order.refunded", order | {"refunded": sum_})
            for sum_ in refunds
        ]
        left = amount - max([0, *refunds])
        rewards[unit][name] = left / 100
    return Truth(deliveries, rewards)


def body_of(sent: Sent) -> tuple[bytes, str]:
    """Return the body of a delivery, and its media type."""
    data = {"object": sent.order}
    if sent.kind == "cloudevents":
        attributes = {"id": sent.id, "source": "/shop", "type": sent.type}
        message = to_structured_event(CloudEvent(attributes=attributes, data=data))
        return message.body, "application/cloudevents+json"
    body = {"id": sent.id, "type": sent.type, "livemode": True, "data": data}
    return msgspec.json.encode(body), "application/json"


@pytest.fixture
def served(start_service: StartServed) -> Served:
    service = start_service()
    assert service.post("/v1/experiments", HERO) is not None
    return service


def deliver(served: Served, secrets: dict[SourceKind, str], sent: Sent) -> list[str]:
    """Sign a delivery as of now, send it, and return what became of it."""
    body, media = body_of(sent)
    signed = headers_of(sent.kind, secrets[sent.kind], body.decode(), sent.id, now_ms())
    connection = http.client.HTTPConnection(
        "127.0.0.1", served.port, timeout=GENEROUS_S
    )
    with closing(connection):
        headers = {"Content-Type": media} | signed
        connection.request("POST", f"/v1/webhooks/{sent.kind}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
    assert answer.status == 200, text
    return [one["status"] for one in msgspec.json.decode(text)["outcomes"]]


def ledger(served: Served, decisions: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return the rewards of each unit's decision."""
    found: dict[str, dict[str, float]] = {}
    for unit, decision_id in decisions.items():
        record: Any = served.get(f"/v1/decisions/{decision_id}")
        rows = record["rewards"] if record else []
        found[unit] = {row["reward_id"]: row["value"] for row in rows}
        assert len(found[unit]) == len(rows)
    return found


def test_the_ledger_is_the_truth_to_the_row(served: Served) -> None:
    decided = {
        f"u-{i}": served.post(
            "/v1/decisions", {"experiment": "hero", "unit_id": f"u-{i}"}
        )["decision_id"]
        for i in range(UNITS)
    }
    secrets: dict[SourceKind, str] = {}
    for kind in KINDS:
        source = {"name": kind, "kind": kind, "mapping": MAPPING}
        secrets[kind] = served.post("/v1/webhooks", source)["secret"]
    truth = story(now_ms())
    twice = truth.deliveries * 2
    random.Random(11).shuffle(twice)  # noqa: S311 - a seeded test

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda one: deliver(served, secrets, one), twice))

    assert len(twice) >= 1_000
    wait_until(
        lambda: ledger(served, decided) == truth.rewards, "the ledger to be the truth"
    )
    assert {one for found in outcomes for one in found} <= {
        *("accepted", "duplicate", "conflict", "quarantined"),
        *("corrected", "superseded"),
    }
    again = [deliver(served, secrets, one) for one in twice[:50]]
    assert not {one for found in again for one in found} & {"accepted", "quarantined"}
    assert ledger(served, decided) == truth.rewards
