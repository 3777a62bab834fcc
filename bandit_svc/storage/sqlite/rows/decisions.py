"""A decision as the columns `id` and `logged` of its row.

Owns both columns: an id as its 30 bytes; what was logged as a short form, or, of
format 1, as its line behind a zero byte (no part has the number 0).
"""

import sqlite3
from typing import Final

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import (
    RAW_ID_BYTES,
    page_of,
    raw_id,
    raw_slot_id,
    slot_id,
    text_id,
)
from bandit_svc.domain.events.event import decode_decision
from bandit_svc.domain.events.short_form import ShortDecoder
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.shared_parts import StoredParts

LINE: Final = b"\0"
_NO_ID: Final = b"\0"
"""Begins an id that this version would not issue; kept as it is."""


def stored_id(decision_id: str) -> bytes:
    """Return an id as a column holds it."""
    try:
        return raw_id(decision_id)
    except ValueError:
        kept = _NO_ID + decision_id.encode("utf-8", "surrogatepass")
        return kept if len(kept) != RAW_ID_BYTES else _NO_ID + kept


def stored_place(decision_id: str, slot: int) -> bytes:
    """Return the id of a slot of a page as a column holds it; slot 0 is the page."""
    return stored_id(slot_id(decision_id, slot) if slot else decision_id)


def stored_places(decision: Decision) -> list[tuple[bytes]]:
    """Return the ids that rewards of a decision name: its own, and those of its slots.

    Each is as a column holds it, alone in a tuple.
    """
    stored = stored_id(decision.id)
    if decision.slots is None:
        return [(stored,)]
    slots = range(1, decision.slots.count + 1)
    return [(stored,), *[(raw_slot_id(stored, slot),) for slot in slots]]


def add_page_id(connection: sqlite3.Connection) -> None:
    """Add the function of SQL that returns a slot's page; of another id, itself."""
    connection.create_function("page_id", 1, page_of, deterministic=True)


def shown_id(stored: bytes) -> str:
    """Return the id that a column holds."""
    if len(stored) == RAW_ID_BYTES:
        return text_id(stored)
    return stored.lstrip(_NO_ID).decode("utf-8", "surrogatepass")


_MOST_KEPT: Final = 4_096
"""Decisions that are kept as they were decoded: two batches of a join."""


class StoredDecisions:
    """Reads what was logged of decisions. Thread-safe.

    A tick of the learner reads a decision up to three times: to join it, to learn from
    it, and to evaluate with it. So the newest are kept, each under all its bytes.
    """

    def __init__(self, database: Database) -> None:
        self._short = ShortDecoder(StoredParts(database))
        self._kept: dict[tuple[bytes, bytes], Decision] = {}

    def decode(self, stored: bytes, logged: bytes) -> Decision:
        """Return the decision of a row.

        Raises:
            UnreadableEvent: a shared part of it is missing or damaged.
        """
        row = (stored, logged)
        decision = self._kept.get(row)
        if decision is None:
            if logged.startswith(LINE):
                return decode_decision(logged[1:])
            decision = self._short.decode(stored, logged)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[row] = decision
        return decision
