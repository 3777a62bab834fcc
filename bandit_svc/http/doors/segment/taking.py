"""What becomes of a message of Segment's protocol.

Owns which of the service's own facts a message is. They go the way of /v1/events and of
/v1/units: the same checks, pseudonyms, consent and log.
"""

from typing import Literal, NamedTuple

from bandit_svc import metrics
from bandit_svc.domain.doors.mapped import Incoming
from bandit_svc.domain.doors.mapping import Mapping
from bandit_svc.http import parsing
from bandit_svc.http.doors.segment.messages import Message
from bandit_svc.http.doors.webhooks.recording import label_of
from bandit_svc.http.doors.webhooks.recording import take as record_mapped
from bandit_svc.http.incoming.caller import Caller
from bandit_svc.http.people.events import record_sent
from bandit_svc.http.people.unit_names import kept_name
from bandit_svc.http.request_context import RequestContext
from bandit_svc.metric_counts import count
from bandit_svc.services.people.identify_unit import (
    Identity,
    RecordedIdentity,
    identify_unit,
)
from bandit_svc.services.people.record_event import EventReport
from bandit_svc.storage.doors.sources import SourceRow

Status = Literal["accepted", "duplicate", "dropped", "ignored"]
_ID_BYTES = 12


class Sender(NamedTuple):
    """Who sends messages.

    Attributes:
        mapping: what becomes of tracks, of the source; None for none.
    """

    caller: Caller
    source: SourceRow
    mapping: Mapping | None


class Taken(NamedTuple):
    """What became of a message.

    Attributes:
        link_refused: its ids were not linked, since the person would have had too many.
    """

    status: Status
    link_refused: bool = False


def take(
    request_context: RequestContext, message: Message, sender: Sender, body: bytes
) -> Taken:
    """Record what a message says, durably.

    Args:
        request_context: of the worker.
        message: what is said.
        sender: who says it.
        body: the message as it was sent, in which the sender's mapping looks.

    Raises:
        BanditError: nothing of it was kept, or its link alone.
    """
    caller = sender.caller
    if message.kind == "group":
        # Companies are no units.
        return Taken("ignored")
    if caller.opted_out:
        return Taken("dropped")
    is_identity = message.kind in {"identify", "alias"}
    identity = None
    if is_identity or message.other_id is not None:
        identity = _identified(request_context, message, caller)
    if is_identity and identity is not None:
        return Taken(*identity)
    refused = identity is not None and identity.link_refused
    if _is_mapped_to_event(request_context, message, sender, body):
        return Taken("accepted", refused)
    answer = record_sent(request_context, _report(message), caller)
    return Taken(answer.status, refused)


def _is_mapped_to_event(
    request_context: RequestContext, message: Message, sender: Sender, body: bytes
) -> bool:
    """Record what the sender's mapping makes of a track.

    Returns:
        Whether that is an event, in place of the one that the track is by itself.
    """
    mapping = sender.mapping
    if mapping is None or sender.source.browser or message.kind != "track":
        return False
    rules = [rule for rule in mapping.events if rule.type == message.event]
    if not rules:
        return False
    event = Incoming(
        id=message.message_id or request_context.entropy(_ID_BYTES).hex(),
        type=message.event,
        document=parsing.parse_object(body),
        occurred_at_ms=message.occurred_at_ms,
    )
    label = label_of(request_context, sender.source)
    for one in record_mapped(request_context, sender.source, mapping, event):
        count(metrics.WEBHOOKS.labels(label, one.status))
    return any(rule.to == "event" for rule in rules)


def _identified(
    request_context: RequestContext, message: Message, caller: Caller
) -> RecordedIdentity:
    unit_id = kept_name(request_context, caller, message.user_id)
    links: tuple[str, ...] = ()
    if message.other_id is not None:
        links = (kept_name(request_context, caller, message.other_id),)
    # Links name themselves, so that they are kept once whichever message brings them.
    fact_id = ""
    if message.traits:
        fact_id = message.message_id or request_context.entropy(_ID_BYTES).hex()
    told = Identity(unit_id, message.traits, links, fact_id, message.occurred_at_ms)
    worker = request_context.worker
    return identify_unit(worker.people, told, request_context.now_ms())


def _report(message: Message) -> EventReport:
    return EventReport(
        unit_id=message.user_id,
        event=message.event,
        properties=dict(message.properties),
        value=message.value,
        event_id=message.message_id or None,
        occurred_at_ms=message.occurred_at_ms,
    )
