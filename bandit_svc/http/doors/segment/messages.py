"""Messages of Segment's HTTP Tracking API, as its and RudderStack's SDKs send them.

Owns their shapes, the limits of the protocol, and what each says of a unit. The names
are those of the protocol, in its own spelling; fields that are not named here are read
over. Pure.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec

from bandit_svc.domain.context import MAX_NUMBER
from bandit_svc.domain.json_shape import check_length, is_number
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.people.trail import MAX_TEXT, Scalar
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.times import occurrence_ms
from bandit_svc.errors import FieldError, InvalidInput, TooLarge
from bandit_svc.http import parsing

Kind = Literal["track", "identify", "alias", "page", "screen", "group"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

MAX_MESSAGE_BYTES: Final = 32 * 1024
MAX_SEGMENT_BATCH_BYTES: Final = 512_000
MOST_MESSAGES: Final = 2_500
PAGE: Final = "page"
"""The name of the event that a page or a screen is."""
_WORTH: Final = ("value", "revenue")
"""Properties that an event's own number is looked for in, the first one first."""
_NUMBERS: Final = frozenset(
    {"value", "revenue", "total", "subtotal", "price", "tax", "shipping", "discount"}
)
"""Properties of Segment's specification that are numbers, though some send texts."""
_PERSONAL: Final = frozenset(
    {
        *("address", "avatar", "birthday", "email", "firstName", "lastName", "name"),
        *("phone", "username", "first_name", "last_name"),
    }
)
"""Traits of Segment's specification that say who a person is, and choose nothing."""


class SegmentMessage(msgspec.Struct):
    """POST /v1/track, /v1/identify, /v1/alias, /v1/page, /v1/screen, /v1/group.

    Attributes:
        type: in a batch; else the route says it.
        messageId: names the message; one that comes again counts once.
        userId: the unit; anonymousId where there is none. Both link the two.
        previousId: of an alias: the id that userId is linked with.
        traits: of identify; RudderStack's SDKs have them in the context.
        timestamp: when it happened, by the sender's clock.
        sentAt: when it was sent, by the same clock.
        receivedAt: when Segment received what it forwards.
        writeKey: where no Authorization header has it.
    """

    type: str | None = None
    messageId: str | None = None  # noqa: N815 - the protocol's spelling
    userId: str | int | None = None  # noqa: N815
    anonymousId: str | int | None = None  # noqa: N815
    previousId: str | int | None = None  # noqa: N815
    event: str | None = None
    name: str | None = None
    category: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None  # noqa: N815
    sentAt: str | None = None  # noqa: N815
    receivedAt: str | None = None  # noqa: N815
    writeKey: str | None = None  # noqa: N815


class SegmentBatch(msgspec.Struct):
    """POST /v1/batch and /v1/import."""

    batch: list[msgspec.Raw]
    sentAt: str | None = None  # noqa: N815
    writeKey: str | None = None  # noqa: N815


class Message(msgspec.Struct, frozen=True):
    """What a message says of a unit.

    Attributes:
        user_id: the unit.
        other_id: another id of the same person; None for none.
        event: the name of what the unit did; empty where it did nothing.
        message_id: empty where it has none.
        occurred_at_ms: by our clock.
    """

    kind: Kind
    user_id: str
    other_id: str | None
    event: str
    properties: Context
    value: float | None
    traits: Context
    message_id: str
    occurred_at_ms: int


class WriteKey(msgspec.Struct):
    """The write key that a body may have."""

    writeKey: str | None = None  # noqa: N815


_write_key = msgspec.json.Decoder(WriteKey).decode
_message = msgspec.json.Decoder(SegmentMessage).decode
_batch = msgspec.json.Decoder(SegmentBatch).decode


def write_key_in(body: bytes) -> str | None:
    """Return the write key in a body; None where it has none, or is not JSON."""
    try:
        return parsing.decoded(_write_key, body).writeKey
    except InvalidInput:
        return None


def decode_message(body: bytes) -> SegmentMessage:
    """Decode one message.

    Raises:
        InvalidInput: it is no JSON of the right shape.
        TooLarge: it has over 32 kB.
    """
    if len(body) > MAX_MESSAGE_BYTES:
        detail = (
            f"the message has {len(body):,} bytes; at most {MAX_MESSAGE_BYTES:,} are "
            "allowed. Send less in its properties or traits"
        )
        raise TooLarge(detail, FieldError("", detail))
    return parsing.decoded(_message, body)


def decode_forwarded(body: bytes) -> SegmentMessage:
    """Decode a message that Segment has received and enlarged.

    Raises:
        InvalidInput: it is no JSON of the right shape.
    """
    return parsing.decoded(_message, body)


def decode_batch(body: bytes) -> SegmentBatch:
    """Decode a batch, whose messages stay encoded.

    Raises:
        InvalidInput: it is no JSON of the right shape, or has over 2,500 messages.
    """
    sent = parsing.decoded(_batch, body)
    if len(sent.batch) > MOST_MESSAGES:
        raise InvalidInput.at(
            "/batch",
            f"the batch has {len(sent.batch):,} messages; at most {MOST_MESSAGES:,} "
            "are allowed. Send the rest in another batch",
        )
    return sent


def parse_message(
    sent: SegmentMessage,
    now_ms: int,
    kind: str | None = None,
    sent_at: str | None = None,
) -> Message:
    """Return what a message says.

    Args:
        sent: as it was decoded.
        now_ms: when it was received.
        kind: that the route says; None where the message has a type.
        sent_at: of its batch, where it has none itself.

    Raises:
        InvalidInput: it names no unit, or one of its fields is not valid; the pointer
            names the field.
    """
    known = _kind_of(sent.type if kind is None else kind)
    if sent.messageId:
        check_length("/messageId", sent.messageId)
    user_id, other_id = _ids(sent, known)
    properties = _properties(sent, known)
    return Message(
        kind=known,
        user_id=user_id,
        other_id=None if other_id == user_id else other_id,
        event=_event(sent, known),
        properties=properties,
        value=_worth(properties),
        traits=_traits(sent) if known == "identify" else {},
        message_id=sent.messageId or "",
        occurred_at_ms=_occurred_at_ms(sent, sent.sentAt or sent_at, now_ms),
    )


def _kind_of(name: str | None) -> Kind:
    for kind in KINDS:
        if kind == name:
            return kind
    raise InvalidInput.at(
        "/type",
        f"the type is {'missing' if name is None else repr(name[:64])}; it must be one "
        f"of {', '.join(KINDS)}",
    )


def _ids(sent: SegmentMessage, kind: Kind) -> tuple[str, str | None]:
    """Return the unit's id, and another one of the same person."""
    user_id = _id("/userId", sent.userId)
    anonymous_id = _id("/anonymousId", sent.anonymousId)
    if kind == "alias":
        previous_id = _id("/previousId", sent.previousId) or anonymous_id
        if user_id is None or previous_id is None:
            raise InvalidInput.at(
                "/userId" if user_id is None else "/previousId",
                "an alias links the id of a unit with its previous one; send userId "
                "and previousId",
            )
        return user_id, previous_id
    if user_id is not None:
        return user_id, anonymous_id
    if anonymous_id is not None:
        return anonymous_id, None
    raise InvalidInput.at(
        "/userId", "the message names nobody; send userId, anonymousId or both"
    )


def _id(pointer: str, sent: str | int | None) -> str | None:
    """Return an id as a text; an empty one is none."""
    if sent is None or sent == "":
        return None
    check_length(pointer, str(sent))
    return str(sent)


def _event(sent: SegmentMessage, kind: Kind) -> str:
    if kind in {"page", "screen"}:
        return PAGE
    if kind != "track":
        return ""
    if not sent.event:
        raise InvalidInput.at(
            "/event", "a track has no event; send the name of what the unit did"
        )
    check_length("/event", sent.event)
    return sent.event


def _properties(sent: SegmentMessage, kind: Kind) -> dict[str, Any]:
    """Return the properties of which features and rewards are made.

    Texts and numbers of the first level alone, texts no longer than features keep
    them. Lists and objects, such as the products of an order, are read over.
    """
    found = dict(sent.properties or {})
    if kind in {"page", "screen"}:
        for name, text in (("name", sent.name), ("category", sent.category)):
            if text:
                found.setdefault(name, text)
    return {
        name: _plain(name, value)
        for name, value in found.items()
        if _is_scalar(value) and len(name) <= MAX_STRING_LENGTH
    }


def _plain(name: str, value: Scalar) -> Scalar:
    """Return a property's value; one that is a number by its name may be a text."""
    if not isinstance(value, str):
        return value
    number = _number(value) if name in _NUMBERS else None
    return value[:MAX_TEXT] if number is None else number


def _traits(sent: SegmentMessage) -> dict[str, Any]:
    """Return the traits that may matter for a choice; null takes one away."""
    found = sent.traits
    if not found:
        inside = (sent.context or {}).get("traits")
        found = inside if isinstance(inside, dict) else {}
    return {
        name: value
        for name, value in found.items()
        if (value is None or isinstance(value, bool) or _is_scalar(value))
        and name not in _PERSONAL
    }


def _worth(properties: Mapping[str, object]) -> float | None:
    for name in _WORTH:
        value = properties.get(name)
        if is_number(value):
            return float(value)
    return None


def _is_scalar(value: object) -> bool:
    return isinstance(value, str) or (is_number(value) and abs(value) <= MAX_NUMBER)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _occurred_at_ms(sent: SegmentMessage, sent_at: str | None, now_ms: int) -> int:
    """Return when it happened, by our clock.

    The sender's clock may be wrong, but by as much when it happened as when it was
    sent: so that is how Segment reckons. In what Segment has received and forwards,
    `timestamp` is reckoned so already. What would lie in the future is now.
    """
    is_forwarded = sent.receivedAt is not None and sent.timestamp is not None
    if sent.originalTimestamp and not is_forwarded:
        happened_ms = _moment_ms("/originalTimestamp", sent.originalTimestamp)
    elif sent.timestamp:
        happened_ms = _moment_ms("/timestamp", sent.timestamp)
    else:
        return now_ms
    if sent_at and not is_forwarded:
        happened_ms += now_ms - _moment_ms("/sentAt", sent_at)
    try:
        return occurrence_ms(min(happened_ms, now_ms), now_ms, "it happened")
    except InvalidInput as error:
        raise InvalidInput.at(
            "/timestamp",
            "by timestamp and sentAt it happened before the year 2000; send the time "
            "at which it happened",
        ) from error


def _moment_ms(pointer: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise InvalidInput.at(
            pointer,
            f"{text[:64]!r} is no time; send one in ISO 8601, such as "
            "2026-11-28T10:00:00.000Z",
        ) from error
