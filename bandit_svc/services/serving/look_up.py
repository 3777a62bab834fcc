"""Find one decision, wherever it is on its way.

Owns the order of looking: the store, then the part of the event log that the
store does not have yet.
"""

from collections.abc import Iterator

from bandit_svc.domain.events.codec import FactDecoder, is_about
from bandit_svc.domain.events.cursor import START
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import raw_id, split_slot
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.slots.places import slot_decision
from bandit_svc.errors import FieldError, LogUnreadable, NotFound
from bandit_svc.eventlog.interface import Batch, EventLogReader, Record
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.rows import Cursors, DecisionView


def look_up(
    facts: Facts, reader: EventLogReader, decoder: FactDecoder, decision_id: str
) -> DecisionView:
    """Return a decision with its exposure, its rewards and its state.

    One that is not in the store yet comes with the state that it will have
    there, and without rewards.

    Raises:
        NotFound: neither the store nor the log has it.
        LogUnreadable: it was not found, and may be in a part that can't be read now.
    """
    view = facts.decision(decision_id)
    if view is None:
        page_id, slot = split_slot(decision_id)
        decision = _in_log(facts, reader, decoder, page_id)
        if decision is not None and slot:
            decision = slot_decision(decision, slot)
        # The learner may have moved it between the two looks.
        view = facts.decision(decision_id)
        if view is None and decision is not None:
            view = DecisionView(
                decision=decision,
                state="deferred" if decision.deferred else "open",
                exposed_at_ms=None if decision.deferred else decision.decided_at_ms,
                closes_at_ms=None,
                rewards=(),
            )
    if view is None:
        detail = "there is no decision of this id; it may have been pruned"
        raise NotFound(detail, FieldError("/decision_id", detail))
    return view


def _in_log(
    facts: Facts, reader: EventLogReader, decoder: FactDecoder, decision_id: str
) -> Decision | None:
    try:
        raw = raw_id(decision_id)
    except ValueError:
        return None
    cursors = facts.cursors()
    fault: LogUnreadable | None = None
    for partition in reader.partitions():
        try:
            for record, batch in _unread(reader, partition, cursors):
                if is_about(record, decision_id, raw):
                    decision = _decision(decoder, record, batch, decision_id)
                    if decision is not None:
                        return decision
        except LogUnreadable as error:
            fault = error
    if fault is not None and facts.decision(decision_id) is None:
        raise fault
    return None


def _unread(
    reader: EventLogReader, partition: str, cursors: Cursors
) -> Iterator[tuple[Record, Batch]]:
    """Yield the records behind a partition's cursor, each with its batch."""
    cursor = cursors.get(partition, START)
    while True:
        batch = reader.read(partition, cursor)
        for record in batch.records:
            yield record, batch
        if batch.cursor == cursor:
            break
        cursor = batch.cursor


def _decision(
    decoder: FactDecoder, record: Record, batch: Batch, decision_id: str
) -> Decision | None:
    try:
        event = decoder.decode(record, batch.parts)
    except UnreadableEvent:
        return None
    if isinstance(event, Decision) and event.id == decision_id:
        return event
    return None
