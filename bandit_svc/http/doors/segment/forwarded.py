"""Deliveries of Segment's webhook destination, which forwards what Segment received.

Owns how one is believed, and its answer.
"""

from bandit_svc.domain.doors.mapping import Mapping
from bandit_svc.domain.doors.signatures import check_segment
from bandit_svc.http.doors.segment.counts import count_taken
from bandit_svc.http.doors.segment.messages import decode_forwarded, parse_message
from bandit_svc.http.doors.segment.taking import Sender, take
from bandit_svc.http.doors.segment.write_keys import caller_of_secret
from bandit_svc.http.doors.webhooks.delivery import Delivery
from bandit_svc.http.doors.webhooks.recording import WebhookOutcome
from bandit_svc.http.request_context import RequestContext
from bandit_svc.storage.doors.sources import SourceRow


def take_forwarded(
    request_context: RequestContext,
    mapping: Mapping | None,
    source: SourceRow,
    delivery: Delivery,
) -> WebhookOutcome:
    """Record the message of a delivery, durably.

    Raises:
        Unauthenticated: Segment has not signed it.
        InvalidInput: it is no message of Segment's protocol.
    """
    now_ms = request_context.now_ms()
    signature = delivery.headers.get("X-Signature", "")
    check_segment(source.valid_secrets(now_ms), signature, delivery.signed())
    message = parse_message(decode_forwarded(delivery.body), now_ms)
    caller = caller_of_secret(source, source.secrets[0])
    sender = Sender(caller, source, mapping)
    taken = take(request_context, message, sender, delivery.body)
    count_taken(message.kind, taken.status, link_refused=taken.link_refused)
    event_id = message.message_id or None if message.event else None
    return WebhookOutcome(taken.status, event_id=event_id)
