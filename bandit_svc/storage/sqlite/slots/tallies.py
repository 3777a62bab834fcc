"""Sums of what the slots of joined pages earned, by group, slot and variant.

Owns the table slot_tallies. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Iterable

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.slots.places import shown_variants
from bandit_svc.storage.rows import ClosedDecision
from bandit_svc.storage.slots.tallies import SlotTally
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows

_Key = tuple[int, str, int, str]
_ADD = (
    "INSERT INTO slot_tallies VALUES (?, ?, ?, ?, ?, ?, ?, NULL)"
    " ON CONFLICT (number, grp, slot, variant) DO UPDATE SET n = n + excluded.n,"
    " total = total + excluded.total,"
    " total_squares = total_squares + excluded.total_squares"
)


def create_slot_tallies(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        """CREATE TABLE slot_tallies (
            number INTEGER NOT NULL, grp TEXT NOT NULL, slot INTEGER NOT NULL,
            variant TEXT NOT NULL, n INTEGER NOT NULL, total REAL NOT NULL,
            total_squares REAL NOT NULL,
            PRIMARY KEY (number, grp, slot, variant)) WITHOUT ROWID"""
    )
    check_rows(db, "slot_tallies")


def add_slot_tallies(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision]
) -> None:
    """Add the slots of closed pages to the sums; slot 0 is of all of the page."""
    sums: dict[_Key, list[float]] = {}
    for one in closed:
        if one.slots is None:
            continue
        shown = ("", *shown_variants(one.due.decision))
        for slot, (variant, reward) in enumerate(zip(shown, one.slots, strict=True)):
            key = (one.due.number, one.due.group, slot, variant)
            entry = sums.setdefault(key, [0, 0.0, 0.0])
            entry[0] += 1
            entry[1] += reward
            entry[2] += reward * reward
    connection.executemany(_ADD, [(*key, *entry) for key, entry in sums.items()])


class SqliteSlotTallies:
    """See storage.slots.tallies.SlotTallies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tallies(self, number: int) -> list[SlotTally]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT grp, slot, variant, n, total, total_squares"
                " FROM sound_slot_tallies WHERE number = ? ORDER BY grp, slot, variant",
                [number],
            ).fetchall()
        return [SlotTally(*row) for row in rows]
