"""What becomes of one event of a source: rewards, events, or nothing.

Owns the following of a mapping (mapping.py). What comes out are bodies of /v1/rewards
and of /v1/events, which go the way of those. Pure.
"""

from decimal import Decimal
from typing import Final, Literal, NamedTuple

import msgspec

from bandit_svc.domain.doors.mapping import Mapping, Rule
from bandit_svc.domain.doors.paths import (
    believed_ms,
    decimal_of,
    found_at,
    text_at,
    time_of,
)
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.times import timestamp
from bandit_svc.errors import InvalidInput

NATIVE: Final = ("reward", "event")
"""Types whose `data` is a body of /v1/rewards or of /v1/events."""


class Incoming(msgspec.Struct, frozen=True):
    """One event as a source sent it.

    Attributes:
        id: the source's own, by which it counts once.
        type: which rule is for it.
        document: as it was sent, the envelope with it.
        occurred_at_ms: by the source; None where it does not say.
        test: it is of the source's test mode.
        place: a pointer to it in the body.
    """

    id: str
    type: str
    document: Payload
    occurred_at_ms: int | None = None
    test: bool = False
    place: str = ""


class Output(NamedTuple):
    """A body that an event becomes.

    Attributes:
        to: the route that it is for.
        body: of that route.
        experiment: it is for this one alone.
        corrects: it is the new total of a reward.
        rank: of corrections of one reward the one of the highest rank holds, in
            whichever order they come; None for the order in which each came first.
    """

    to: Literal["reward", "event"]
    body: Payload
    experiment: str | None = None
    corrects: bool = False
    rank: float | None = None


class Skipped(NamedTuple):
    """Why nothing becomes of an event: retrying would not change it.

    Attributes:
        reason: `ignored` for a type without a rule, test mode, and no unit;
            `currency` for one that is not taken.
    """

    reason: Literal["ignored", "currency"]
    detail: str
    experiment: str | None = None


def mapped(
    mapping: Mapping | None, event: Incoming, now_ms: int
) -> list[Output | Skipped]:
    """Return what an event becomes.

    Raises:
        InvalidInput: there is no number where a rule says, or a native body is none.
    """
    if mapping is None:
        return [_native(event, now_ms)]
    rules = [rule for rule in mapping.events if rule.type == event.type]
    if not rules:
        return [Skipped("ignored", "the mapping has no rule for this type")]
    return [_by_rule(rule, event, now_ms) for rule in rules]


def _native(event: Incoming, now_ms: int) -> Output | Skipped:
    if event.type not in NATIVE:
        return Skipped("ignored", "the source has no mapping, and the type is its own")
    data = event.document.get("data")
    if not isinstance(data, dict):
        raise InvalidInput.at(
            f"{event.place}/data",
            f"data of the type {event.type!r} must be an object, the body of "
            f"POST /v1/{event.type}s",
        )
    is_reward = event.type == "reward"
    body = dict(data)
    body.setdefault("reward_id" if is_reward else "event_id", event.id)
    given = time_of(body["occurred_at"]) if "occurred_at" in body else None
    if given is not None and believed_ms(given, now_ms) != given:
        body["occurred_at"] = timestamp(now_ms)
    elif "occurred_at" not in body:
        _put_time(body, event.occurred_at_ms, now_ms)
    if not is_reward:
        return Output("event", body)
    if body.get("correction") is not True:
        return Output("reward", body)
    at_ms = given if event.occurred_at_ms is None else event.occurred_at_ms
    return Output("reward", body, corrects=True, rank=_time_rank(at_ms, now_ms))


def _by_rule(rule: Rule, event: Incoming, now_ms: int) -> Output | Skipped:
    body = _whose(rule, event)
    if not body:
        return Skipped("ignored", "it names no unit and no decision", rule.experiment)
    factor = _factor(rule, event)
    if factor is None:
        return Skipped("currency", "its currency is not taken", rule.experiment)
    occurred_at_ms = event.occurred_at_ms
    if rule.occurred_at is not None:
        occurred_at_ms = _time_at(rule.occurred_at, event)
    _put_time(body, occurred_at_ms, now_ms)
    if rule.to == "event":
        return _event(rule, event, body, factor)
    return _reward(rule, event, body, factor, now_ms)


def _whose(rule: Rule, event: Incoming) -> Payload:
    """Return the field that says whose it is; an event may name its decision too."""
    decision_id = text_at(event.document, rule.places("decision_id"))
    unit_id = text_at(event.document, rule.places("unit"))
    if rule.to == "event" and unit_id is None:
        return {}
    body: Payload = {}
    if decision_id is not None:
        body["decision_id"] = decision_id
    if unit_id is not None and (decision_id is None or rule.to == "event"):
        body["unit_id"] = unit_id
    return body


def _reward(
    rule: Rule, event: Incoming, body: Payload, factor: Decimal, now_ms: int
) -> Output:
    minus = Decimal(0) if rule.minus is None else _number_at(rule.minus, event)
    body["reward_id"] = _own_id(rule, event)
    body["value"] = _clipped(rule, (_value(rule, event) - minus) * factor)
    if rule.metric != MAIN_METRIC:
        body["metric"] = rule.metric
    if "unit_id" in body:
        of = {"event": rule.event, "experiment": rule.experiment}
        body |= {name: text for name, text in of.items() if text is not None}
    if not rule.correction:
        return Output("reward", body, rule.experiment)
    body["correction"] = True
    # What was taken off only grows, which is surer than clocks.
    by_time = rule.minus is None
    rank = _time_rank(event.occurred_at_ms, now_ms) if by_time else float(minus)
    return Output("reward", body, rule.experiment, corrects=True, rank=rank)


def _own_id(rule: Rule, event: Incoming) -> str:
    if rule.reward_id is None:
        return event.id
    found = text_at(event.document, [rule.reward_id])
    if found is None:
        raise _missing(event, rule.reward_id, "id")
    return found


def _event(rule: Rule, event: Incoming, body: Payload, factor: Decimal) -> Output:
    body["event"] = rule.event or event.type
    body["event_id"] = _own_id(rule, event)
    if rule.value is not None:
        body["value"] = _clipped(rule, _value(rule, event) * factor)
    if rule.properties is not None:
        found = found_at(event.document, rule.properties)
        body["properties"] = found if isinstance(found, dict) else {}
    return Output("event", body)


def _value(rule: Rule, event: Incoming) -> Decimal:
    if isinstance(rule.value, str):
        return _number_at(rule.value, event)
    return Decimal(str(0 if rule.value is None else rule.value))


def _number_at(path: str, event: Incoming) -> Decimal:
    number = decimal_of(found_at(event.document, path))
    if number is None:
        raise _missing(event, path, "number")
    return number


def _time_at(path: str, event: Incoming) -> int:
    at_ms = time_of(found_at(event.document, path))
    if at_ms is None:
        raise _missing(event, path, "time")
    return at_ms


def _missing(event: Incoming, path: str, what: str) -> InvalidInput:
    pointer = f"{event.place}/{path.replace('.', '/')}"
    return InvalidInput.at(
        pointer,
        f"there is no {what} at {path}, where the mapping of the source has it for "
        f"events of this type; send one, or correct the mapping",
    )


def _factor(rule: Rule, event: Incoming) -> Decimal | None:
    """Return what a number is multiplied by; None for a currency that is not taken."""
    scale = Decimal(str(rule.scale))
    if rule.currency is None:
        return scale
    sent = (text_at(event.document, [rule.currency]) or "").upper()
    for name, factor in rule.currencies.items():
        if name.upper() == sent:
            return scale * Decimal(str(factor))
    return None


def _clipped(rule: Rule, number: Decimal) -> float:
    value = float(number)
    if rule.minimum is not None:
        value = max(value, rule.minimum)
    if rule.maximum is not None:
        value = min(value, rule.maximum)
    return value


def _put_time(body: Payload, occurred_at_ms: int | None, now_ms: int) -> None:
    at_ms = believed_ms(occurred_at_ms, now_ms)
    if at_ms is not None:
        body["occurred_at"] = timestamp(at_ms)


def _time_rank(occurred_at_ms: int | None, now_ms: int) -> float | None:
    at_ms = believed_ms(occurred_at_ms, now_ms)
    return None if at_ms is None else float(at_ms)
