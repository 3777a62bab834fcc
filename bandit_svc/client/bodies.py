"""The bodies of requests, from what callers give.

Owns the names of members, and the types that each argument may have. A wrong type is a
mistake of the program: it is a TypeError before anything is sent. What a value says
(a name that does not exist, a number that JSON has no word for) is found out later.
"""

import math
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, SupportsFloat

Json = dict[str, Any]


class Question(NamedTuple):
    """A request for a decision.

    Attributes:
        experiment: its key.
        fallback: the variant to show without an answer; None to raise instead.
        body: the JSON object.
    """

    experiment: str
    fallback: str | None
    body: Json


# The route has as many members.
def question(  # noqa: PLR0913
    experiment: str,
    unit_id: str | None = None,
    context: Mapping[str, Any] | None = None,
    *,
    exclude: Iterable[str] = (),
    variants: Sequence[str | Mapping[str, Any]] | None = None,
    request_id: str | None = None,
    defer: bool = False,
    fallback: str | None = None,
    slots: int | None = None,
    pinned: Mapping[int, str] | None = None,
    distinct_by: str | None = None,
) -> Question:
    """Return a request for a decision, as `BanditClient.decide` takes it.

    Raises:
        TypeError: an argument is of another type than it has to be.
    """
    _text("experiment", experiment)
    if fallback is not None:
        _text("fallback", fallback)
    if not isinstance(defer, bool):
        raise _wrong("defer", defer, "True or False")
    body: Json = {"experiment": experiment}
    for name, value, checked in (
        ("unit_id", unit_id, _text),
        ("context", context, _object),
        ("variants", variants, _variants),
        ("request_id", request_id, _text),
        ("slots", slots, _whole),
        ("pinned", pinned, _pins),
        ("distinct_by", distinct_by, _text),
    ):
        if value is not None:
            body[name] = checked(name, value)
    if request_id is None:
        body["request_id"] = uuid.uuid4().hex
    if excluded := _excluded(exclude):
        body["exclude"] = excluded
    if not body.get("pinned", True):
        del body["pinned"]
    if defer:
        body["defer"] = True
    return Question(experiment, fallback, body)


def batch_of(name: str, items: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Return the items of a batch.

    Raises:
        TypeError: they are not objects.
    """
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
        raise _wrong(name, items, "a list of objects")
    return [dict(_object(f"{name}[{n}]", item)) for n, item in enumerate(items)]


def with_request_id(request: Mapping[str, Any]) -> Json:
    """Return a request for a decision with an id, its own or a new one."""
    return {"request_id": uuid.uuid4().hex, **request}


def reward_body(
    decision_id: str,
    value: SupportsFloat,
    reward_id: str | None,
    occurred_at: datetime | None,
    metric: str,
) -> Json:
    """Return a report of a reward.

    Without a `reward_id` the service takes one reward for each decision and metric, so
    that it too may be sent again without harm.

    Raises:
        TypeError: an argument is of another type than it has to be.
        ValueError: `occurred_at` has no time zone.
    """
    _text("decision_id", decision_id)
    _text("metric", metric)
    body = {"decision_id": decision_id, "value": number(value), "metric": metric}
    if reward_id is not None:
        body["reward_id"] = _text("reward_id", reward_id)
    if occurred_at is not None:
        body["occurred_at"] = _moment(occurred_at)
    return body


# The route has as many members.
def event_body(
    event: str,
    unit_id: str,
    value: SupportsFloat | None,
    properties: Mapping[str, Any] | None,
    event_id: str | None,
    decision_id: str | None,
    occurred_at: datetime | None,
) -> Json:
    """Return a report of what a unit did, with an id that is its own for good.

    Raises:
        TypeError: an argument is of another type than it has to be.
        ValueError: `occurred_at` has no time zone.
    """
    body: Json = {"unit_id": _text("unit_id", unit_id), "event": _text("event", event)}
    body["event_id"] = (
        uuid.uuid4().hex if event_id is None else _text("event_id", event_id)
    )
    if value is not None:
        body["value"] = number(value)
    if properties is not None:
        body["properties"] = _object("properties", properties)
    if decision_id is not None:
        body["decision_id"] = _text("decision_id", decision_id)
    if occurred_at is not None:
        body["occurred_at"] = _moment(occurred_at)
    return body


def decision_id_of(decision_id: str) -> str:
    """Return a decision's id.

    Raises:
        TypeError: it is no string.
    """
    return _text("decision_id", decision_id)


def number(value: SupportsFloat) -> float:
    """Return a value as a number; not a number where it is none that counts.

    Raises:
        TypeError: it is no number.
    """
    if isinstance(value, str | bytes) or not isinstance(value, SupportsFloat):
        raise _wrong("value", value, "a number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a string")
    return value


def _object(name: str, value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(name, value, "a mapping, such as a dict")
    return value


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, value, "a whole number")
    return value


def _excluded(exclude: object) -> list[str]:
    if exclude == ():
        return []
    if isinstance(exclude, str | bytes | Mapping) or not isinstance(exclude, Iterable):
        raise _wrong("exclude", exclude, "a list of keys of variants, [] for none")
    return [_text(f"exclude[{n}]", key) for n, key in enumerate(exclude)]


def _variants(name: str, variants: object) -> list[Any]:
    if isinstance(variants, str | bytes | Mapping) or not isinstance(
        variants, Iterable
    ):
        raise _wrong(name, variants, "a list of variants, None for all")
    found = list(variants)
    for n, variant in enumerate(found):
        if not isinstance(variant, str | Mapping):
            raise _wrong(f"{name}[{n}]", variant, "a key, or a whole variant")
    return found


def _pins(name: str, pinned: object) -> dict[str, str]:
    return {
        str(_whole(f"a slot of {name}", slot)): _text(f"{name}[{slot}]", key)
        for slot, key in _object(name, pinned).items()
    }


def _moment(occurred_at: object) -> str:
    if not isinstance(occurred_at, datetime):
        raise _wrong("occurred_at", occurred_at, "a datetime with a time zone")
    if occurred_at.tzinfo is None:
        raise ValueError("occurred_at has no time zone; give an aware datetime")
    return occurred_at.isoformat()


def _wrong(name: str, value: object, wanted: str) -> TypeError:
    # The type alone: a value may be personal, and messages reach logs.
    got = "None" if value is None else f"a {type(value).__name__}"
    return TypeError(f"{name} is {got}; it must be {wanted}")
