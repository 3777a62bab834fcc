"""Request bodies and answers about units and events.

Owns their shapes; the limits of what they hold are in domain/people.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from bandit_svc.domain.people.trail import Scalar
from bandit_svc.domain.people.unit_fact import Consent
from bandit_svc.domain.people.unit_state import Trait
from bandit_svc.domain.times import timestamp
from bandit_svc.http import parsing
from bandit_svc.services.people.change_unit import UnitPatch
from bandit_svc.services.people.look_up_unit import KnownUnit
from bandit_svc.services.people.record_event import EventReport, EventStatus


class EventBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/events.

    Attributes:
        decision_id: that the event is a reward of, with its value; any key will do.
    """

    unit_id: str
    event: str
    properties: dict[str, Any] = {}
    value: float | None = None
    event_id: str | None = None
    decision_id: str | None = None
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class EventBatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/events/batch."""

    events: list[msgspec.Raw]


class UnitBody(msgspec.Struct, forbid_unknown_fields=True):
    """PUT /v1/units/{unit_id}; what is left out stays as it is.

    Attributes:
        traits: a JSON merge patch (RFC 7396): null takes a trait away.
        links: other ids of the same person.
    """

    traits: dict[str, Any] = {}
    consent: Consent | None = None
    links: tuple[str, ...] = ()


class EventAnswer(msgspec.Struct):
    """The answer to POST /v1/events: the event is durable.

    Attributes:
        status: `dropped` where the unit has denied consent, or was erased after it.
    """

    event_id: str
    status: EventStatus


class EventBatchAnswer(msgspec.Struct):
    """The answer to POST /v1/events/batch: an EventAnswer or a Problem for each."""

    events: list[Any]


class UnitChangeAnswer(msgspec.Struct):
    """The answer to PUT /v1/units/{unit_id}: the change is durable."""

    unit_id: str


class UnitRecord(msgspec.Struct):
    """What is known of a unit.

    Attributes:
        group_id: the oldest id of the person, which decides the groups.
        links: the other ids of the person.
        features: those declared, by experiment, as they are now.
        caps: how often each cap counts the person now, by programme.
    """

    unit_id: str
    group_id: str
    links: list[str]
    traits: dict[str, Trait]
    consent: Consent
    features: dict[str, dict[str, Scalar]]
    caps: dict[str, dict[str, int]]
    last_seen_at: str


_event = msgspec.json.Decoder(EventBody).decode
_event_batch = msgspec.json.Decoder(EventBatchBody).decode
_unit = msgspec.json.Decoder(UnitBody).decode


def parse_event(body: bytes) -> EventReport:
    """Parse one event.

    Raises:
        InvalidInput: with the pointer to the first invalid field.
    """
    raw = parsing.decoded(_event, body)
    return EventReport(
        unit_id=raw.unit_id,
        event=raw.event,
        properties=raw.properties,
        value=raw.value,
        event_id=raw.event_id,
        decision_id=raw.decision_id,
        occurred_at_ms=parsing.milliseconds(raw.occurred_at),
    )


def parse_event_batch(body: bytes) -> list[msgspec.Raw]:
    """Return the still encoded events of a batch, at most 1,000."""
    return parsing.within_limit("/events", parsing.decoded(_event_batch, body).events)


def parse_unit(body: bytes) -> UnitPatch:
    """Parse what a caller says about a unit.

    Raises:
        InvalidInput: with the pointer to the first invalid field.
    """
    raw = parsing.decoded(_unit, body)
    return UnitPatch(raw.traits, raw.consent, raw.links)


def unit_record(known: KnownUnit, asked: str) -> UnitRecord:
    """Return a unit as its caller gets it.

    Args:
        asked: the id that the caller has sent, which is told to nobody else.
    """
    state = known.state
    return UnitRecord(
        unit_id=asked,
        group_id=state.unit_id,
        links=[id_ for id_ in state.ids if id_ != known.unit_id],
        traits=state.traits,
        consent=state.consent,
        features={key: dict(found) for key, found in known.features.items()},
        caps={key: dict(used) for key, used in known.caps.items()},
        last_seen_at=timestamp(state.last_ms),
    )
