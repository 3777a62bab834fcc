"""Deliveries of Stripe.

Owns how one is believed, and what event it has.
"""

from bandit_svc.domain.doors.mapped import Incoming
from bandit_svc.domain.doors.paths import time_of
from bandit_svc.domain.doors.signatures import check_stripe
from bandit_svc.errors import InvalidInput
from bandit_svc.http.doors.webhooks.delivery import Delivery
from bandit_svc.storage.doors.sources import SourceRow


def read_stripe(source: SourceRow, delivery: Delivery, now_ms: int) -> list[Incoming]:
    """Return the event of a delivery.

    Raises:
        Unauthenticated: it is not signed, or not now.
        InvalidInput: it is no event of Stripe.
    """
    check_stripe(
        source.valid_secrets(now_ms),
        delivery.headers.get("Stripe-Signature", ""),
        delivery.signed(),
        now_ms,
    )
    document = delivery.document()
    if not isinstance(document, dict):
        raise InvalidInput.at("", "the body is no event of Stripe, which is an object")
    for name in ("id", "type"):
        if not isinstance(document.get(name), str) or not document[name]:
            raise InvalidInput.at(
                f"/{name}", f"an event of Stripe has a text as its {name}"
            )
    return [
        Incoming(
            id=document["id"],
            type=document["type"],
            document=document,
            occurred_at_ms=time_of(document.get("created")),
            test=document.get("livemode") is False,
        )
    ]
