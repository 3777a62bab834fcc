"""A decision as the columns `id` and `logged` of its row.

Owns both columns: an id as its 30 bytes; what was logged as a short form, or, of
format 1, as its line behind a zero byte (no part has the number 0).
"""

from typing import Final

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import RAW_ID_BYTES, raw_id, text_id
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


def shown_id(stored: bytes) -> str:
    """Return the id that a column holds."""
    if len(stored) == RAW_ID_BYTES:
        return text_id(stored)
    return stored.lstrip(_NO_ID).decode("utf-8", "surrogatepass")


class StoredDecisions:
    """Reads what was logged of decisions. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._short = ShortDecoder(StoredParts(database))

    def decode(self, stored: bytes, logged: bytes) -> Decision:
        """Return the decision of a row.

        Raises:
            UnreadableEvent: a shared part of it is missing or damaged.
        """
        if logged.startswith(LINE):
            return decode_decision(logged[1:])
        return self._short.decode(stored, logged)
