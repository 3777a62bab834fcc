"""Record something that a unit did.

Owns the checks on an event and its append. What features make of it is in
domain/people.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from bandit_svc.domain.json_shape import check_length
from bandit_svc.domain.people.feature import VALUE, TrailName
from bandit_svc.domain.people.unit_fact import (
    UnitEvent,
    UnitValue,
    check_properties,
    encode_unit_fact,
    kept_of,
)
from bandit_svc.domain.times import occurrence_ms
from bandit_svc.errors import InvalidInput
from bandit_svc.services.people.erased import is_erased
from bandit_svc.services.people.ports import PeoplePorts

NO_REWARDS: Final[Mapping[int, UnitValue]] = {}
EventStatus = Literal["accepted", "duplicate", "dropped"]


class EventReport(msgspec.Struct, frozen=True):
    """An event as it is reported.

    Attributes:
        occurred_at_ms: when the unit did it.
        decision_id: that it is a reward of, if it says so.
    """

    unit_id: str
    event: str
    properties: dict[str, Any] = {}
    value: float | None = None
    event_id: str | None = None
    occurred_at_ms: int | None = None
    decision_id: str | None = None


class RecordedEvent(NamedTuple):
    """The answer to an event."""

    event_id: str
    status: EventStatus


def record_event(
    ports: PeoplePorts,
    report: EventReport,
    trails: Mapping[TrailName, int],
    now_ms: int,
    new_id: str,
    rewards: Mapping[int, UnitValue] = NO_REWARDS,
    *,
    opted_out: bool = False,
) -> RecordedEvent:
    """Append an event durably, with no more of it than features are made of.

    Sending the same event_id of a unit again is safe: the first one counts. An event
    of a unit that denied consent is not kept, and none of before its erasure.

    Args:
        ports: of the worker.
        report: the event.
        trails: those that features are made of, and how long each is kept, in ms.
        now_ms: the time.
        new_id: names the event where the caller did not.
        rewards: what the event is worth, by the number of an experiment.
        opted_out: the browser asks for privacy, as if the unit had denied consent.

    Raises:
        InvalidInput: a field is out of its range; the pointer names it.
        Unavailable: it can't be made durable now; nothing was kept.
    """
    occurred_at_ms = check_event(report, now_ms)
    if report.event_id is not None and ports.facts.has(report.unit_id, report.event_id):
        return RecordedEvent(report.event_id, "duplicate")
    event_id = report.event_id or new_id
    if opted_out:
        return RecordedEvent(event_id, "dropped")
    state = ports.units.state(report.unit_id)
    if state is not None and state.consent == "denied":
        return RecordedEvent(event_id, "dropped")
    if is_erased(ports, report.unit_id, occurred_at_ms, now_ms):
        return RecordedEvent(event_id, "dropped")
    properties = report.properties
    if report.value is not None:
        properties = {**properties, VALUE: report.value}
    event = UnitEvent(
        fact_id=event_id,
        unit_id=report.unit_id,
        at_ms=now_ms,
        event=report.event,
        occurred_at_ms=occurred_at_ms,
        trails=kept_of(report.event, properties, trails),
        rewards=dict(rewards),
    )
    ports.log.append(encode_unit_fact(event))
    return RecordedEvent(event_id, "accepted")


def check_event(report: EventReport, now_ms: int) -> int:
    """Return when an event occurred, in milliseconds since the epoch.

    Raises:
        InvalidInput: a field is out of its range; the pointer names it.
    """
    for name, text in (
        ("unit_id", report.unit_id),
        ("event", report.event),
        ("event_id", report.event_id),
    ):
        if text is not None:
            check_length(f"/{name}", text)
    if report.value is not None and not math.isfinite(report.value):
        raise InvalidInput.at("/value", f"value is {report.value}; send a number")
    check_properties(report.properties)
    return occurrence_ms(report.occurred_at_ms, now_ms, "the unit did it")
