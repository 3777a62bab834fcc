"""Deliveries of Standard Webhooks 1.0.

Owns how one is believed, and what event it has.
"""

from bandit_svc.domain.doors.mapped import Incoming
from bandit_svc.domain.doors.paths import time_of
from bandit_svc.domain.doors.signatures import check_standard
from bandit_svc.errors import InvalidInput
from bandit_svc.http.doors.webhooks.delivery import Delivery
from bandit_svc.services.managing.webhook_sources import key_of
from bandit_svc.storage.doors.sources import SourceRow


def check_signature(source: SourceRow, delivery: Delivery, now_ms: int) -> str:
    """Return the id of a delivery that the source has signed.

    Raises:
        Unauthenticated: it has not, or long ago.
    """
    headers = delivery.headers
    message_id = headers.get("webhook-id", "")
    check_standard(
        [key_of(secret) for secret in source.valid_secrets(now_ms)],
        message_id,
        headers.get("webhook-timestamp", ""),
        headers.get("webhook-signature", ""),
        delivery.signed(),
        now_ms,
    )
    return message_id


def read_standard(source: SourceRow, delivery: Delivery, now_ms: int) -> list[Incoming]:
    """Return the event of a delivery.

    Raises:
        Unauthenticated: it is not signed, or not now.
        InvalidInput: it is no JSON of an event.
    """
    message_id = check_signature(source, delivery, now_ms)
    document = delivery.document()
    if not isinstance(document, dict) or not isinstance(document.get("type"), str):
        raise InvalidInput.at(
            "/type",
            'the body has no type; send an object that has one, as {"type": "reward"}',
        )
    at_ms = time_of(document.get("timestamp"))
    if at_ms is None and document.get("timestamp") is not None:
        raise InvalidInput.at(
            "/timestamp",
            "the timestamp is no time; send one of RFC 3339, as 2026-11-28T10:00:00Z",
        )
    return [
        Incoming(
            id=message_id,
            type=document["type"],
            document=document,
            occurred_at_ms=at_ms,
            test=document.get("livemode") is False or document.get("test") is True,
        )
    ]
