"""What messages of Segment's protocol say, and when it happened."""

import json
from typing import Any

import msgspec
import pytest

from bandit_svc.errors import InvalidInput, TooLarge
from bandit_svc.http.doors.segment.messages import (
    KINDS,
    MAX_MESSAGE_BYTES,
    Message,
    decode_message,
    parse_message,
)

NOW_MS = 1_800_000_000_000
NOW = "2027-01-15T08:00:00.000Z"


def parsed(
    kind: str | None = "track", sent_at: str | None = None, **fields: object
) -> Message:
    body: dict[str, Any] = {"userId": "u-1", "event": "viewed", **fields}
    sent = decode_message(msgspec.json.encode(body))
    return parse_message(sent, NOW_MS, kind, sent_at)


def refused_at(kind: str | None, fields: dict[str, Any]) -> str:
    with pytest.raises(InvalidInput) as refused:
        parsed(kind, **fields)
    (field,) = refused.value.fields
    assert 20 < len(field.detail) < 300
    return field.pointer


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, ("u-1", None)),
        ({"anonymousId": "a-1"}, ("u-1", "a-1")),
        ({"anonymousId": "u-1"}, ("u-1", None)),
        ({"anonymousId": "a-1", "userId": None}, ("a-1", None)),
        ({"anonymousId": "a-1", "userId": ""}, ("a-1", None)),
        ({"userId": 81, "anonymousId": 7}, ("81", "7")),
        ({"previousId": "b-1"}, ("u-1", None)),
    ],
)
def test_a_unit_is_its_user_id_and_the_anonymous_one_is_linked(
    fields: dict[str, Any], ids: tuple[str, str | None]
) -> None:
    found = parsed(**fields)

    assert (found.user_id, found.other_id) == ids


@pytest.mark.parametrize(
    ("fields", "other"),
    [
        ({"previousId": "a-1"}, "a-1"),
        ({"previousId": 77}, "77"),
        ({"anonymousId": "a-1"}, "a-1"),
        ({"previousId": "b-1", "anonymousId": "a-1"}, "b-1"),
        ({"previousId": "u-1"}, None),
    ],
)
def test_an_alias_links_the_previous_id(
    fields: dict[str, Any], other: str | None
) -> None:
    found = parsed("alias", **fields)

    assert (found.user_id, found.other_id, found.event) == ("u-1", other, "")


@pytest.mark.parametrize(
    ("kind", "fields", "pointer"),
    [
        ("track", {"userId": None}, "/userId"),
        ("track", {"userId": "", "anonymousId": ""}, "/userId"),
        ("track", {"userId": "u" * 257}, "/userId"),
        ("track", {"anonymousId": "a" * 257}, "/anonymousId"),
        ("track", {"userId": True}, "/userId"),
        ("track", {"userId": {"id": 1}}, "/userId"),
        ("track", {"event": None}, "/event"),
        ("track", {"event": ""}, "/event"),
        ("track", {"event": "e" * 257}, "/event"),
        ("track", {"messageId": "m" * 257}, "/messageId"),
        ("track", {"properties": [1]}, "/properties"),
        ("track", {"timestamp": "yesterday"}, "/timestamp"),
        ("track", {"timestamp": "1999-12-31T00:00:00Z"}, "/timestamp"),
        ("track", {"timestamp": NOW, "sentAt": "soon"}, "/sentAt"),
        ("track", {"originalTimestamp": "0001-01-01T00:00:00+14:00"}, "*"),
        ("alias", {}, "/previousId"),
        ("alias", {"userId": None, "previousId": "a"}, "/userId"),
        (None, {}, "/type"),
        (None, {"type": "TRACK"}, "/type"),
        (None, {"type": "x" * 9_000}, "/type"),
    ],
)
def test_a_message_that_is_not_valid_is_refused_at_its_field(
    kind: str | None, fields: dict[str, Any], pointer: str
) -> None:
    found = refused_at(kind, fields)

    assert pointer in {found, "*"}


def test_a_message_is_of_its_own_type_only_in_a_batch() -> None:
    assert parsed("page", type="track").kind == "page"
    assert [parsed(None, type=kind, previousId="a").kind for kind in KINDS] == [*KINDS]


def test_a_message_of_more_than_32_kb_is_too_large() -> None:
    decode_message(b"{}".ljust(MAX_MESSAGE_BYTES))
    with pytest.raises(TooLarge, match="32,769 bytes; at most 32,768"):
        decode_message(b"{}".ljust(MAX_MESSAGE_BYTES + 1))


def test_it_happened_by_our_clock_whatever_the_senders_says() -> None:
    """Segment: receivedAt - (sentAt - originalTimestamp)."""
    wrong = {"timestamp": "2031-05-01T12:00:00Z", "sentAt": "2031-05-01T12:00:09.5Z"}
    days = {"timestamp": "2027-01-12T10:00:00+02:00", "sentAt": NOW}

    assert parsed().occurred_at_ms == NOW_MS
    assert parsed(**wrong).occurred_at_ms == NOW_MS - 9_500
    assert parsed(**days).occurred_at_ms == NOW_MS - 3 * 86_400_000
    assert parsed(timestamp=NOW, sent_at=NOW).occurred_at_ms == NOW_MS
    assert parsed(timestamp="2027-01-15T07:59:00").occurred_at_ms == NOW_MS - 60_000
    assert parsed(timestamp="2027-01-15T09:00:00Z").occurred_at_ms == NOW_MS
    backwards = {"timestamp": NOW, "sentAt": "2027-01-15T07:00:00Z"}
    assert parsed(**backwards).occurred_at_ms == NOW_MS


def test_the_original_time_counts_unless_segment_has_reckoned_already() -> None:
    sent = {
        "originalTimestamp": "2031-05-01T12:00:00Z",
        "sentAt": "2031-05-01T12:00:10Z",
        "timestamp": "2027-01-15T07:59:45Z",
    }

    assert parsed(**sent).occurred_at_ms == NOW_MS - 10_000
    assert parsed(**sent, receivedAt=NOW).occurred_at_ms == NOW_MS - 15_000


def test_properties_are_what_features_and_rewards_read() -> None:
    found = parsed(
        properties={
            "revenue": "84.50",
            "sku": "0012",
            "size": 39,
            "gift": True,
            "note": "n" * 900,
            "products": [{"price": 3}] * 200,
            "nothing": None,
            "p" * 300: 1,
            "total": "a lot",
            "shipping": "inf",
        }
    )

    assert found.properties == {
        "revenue": 84.5,
        "sku": "0012",
        "size": 39,
        "note": "n" * 64,
        "total": "a lot",
        "shipping": "inf",
    }
    assert found.value == 84.5
    assert parsed(properties={"value": "3", "revenue": 9}).value == 3.0
    assert parsed(properties=None).value is None
    assert parsed(properties={"value": "three"}).value is None


def test_numbers_that_no_float_can_hold_are_read_over() -> None:
    """An integer of JSON may have any length."""
    huge = {"value": 10**400, "revenue": -(10**310), "price": 10**25}
    body = (
        b'{"userId": "u", "event": "e", "properties": %s}' % json.dumps(huge).encode()
    )
    found = parse_message(decode_message(body), NOW_MS, "track")

    assert found.properties == {"price": 10**25}
    assert found.value is None


def test_a_page_and_a_screen_are_one_event_with_their_name() -> None:
    page = parsed("page", name="Home", category="Shop", properties={"path": "/"})
    screen = parsed("screen", name="Home", properties={"name": "Start"})

    assert (page.event, screen.event) == ("page", "page")
    assert page.properties == {"path": "/", "name": "Home", "category": "Shop"}
    assert screen.properties == {"name": "Start"}


def test_traits_that_say_who_a_person_is_are_read_over() -> None:
    traits = {"tier": "gold", "email": "e@x.example", "address": {"zip": "1"}}
    more = {"name": "Erika", "age": 31, "vip": True, "plan": None, "tags": ["a"]}
    kept = {"tier": "gold", "age": 31, "vip": True, "plan": None}

    assert parsed("identify", traits=traits | more).traits == kept
    assert parsed("identify", context={"traits": traits | more}).traits == kept
    assert parsed("identify", context={"traits": [1]}).traits == {}
    assert parsed("track", traits=traits, context={"traits": traits}).traits == {}
