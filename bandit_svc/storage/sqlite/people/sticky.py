"""The newest choice of each unit of a sticky experiment, in SQLite.

Owns the table sticky_choices; see storage.units.StickyChoices.
"""

import sqlite3
from collections.abc import Sequence

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows, row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.decisions import shown_id, stored_id


def create_sticky(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        """CREATE TABLE sticky_choices (
            number INTEGER NOT NULL, unit INTEGER NOT NULL, id BLOB NOT NULL,
            decided_at_ms INTEGER NOT NULL, crc BLOB,
            PRIMARY KEY (number, unit)) WITHOUT ROWID"""
    )
    check_rows(db, "sticky_choices", by_writers=True)


def keep_sticky(connection: sqlite3.Connection, decisions: Sequence[Decision]) -> None:
    """Keep the newest decision of each unit, in the caller's transaction.

    Args:
        connection: in the transaction.
        decisions: those of sticky experiments, in any order.
    """
    newest: dict[tuple[int, int], Decision] = {}
    hashes: dict[int, UnitHashes] = {}
    for decision in decisions:
        if decision.unit_id is None:
            continue
        number = decision.number
        if number not in hashes:
            hashes[number] = UnitHashes(_salt(connection, number))
        key = number, hashes[number].of(decision.unit_id)
        known = newest.get(key)
        if known is None or decision.decided_at_ms > known.decided_at_ms:
            newest[key] = decision
    if not newest:
        return
    rows = [_row(*key, newest[key]) for key in sorted(newest)]
    add = (
        "INSERT INTO sticky_choices VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (number, unit) DO "
    )
    new = connection.executemany(add + "NOTHING", rows).rowcount
    if new < len(rows):
        connection.executemany(
            add + "UPDATE SET id = excluded.id,"
            " decided_at_ms = excluded.decided_at_ms, crc = excluded.crc"
            " WHERE excluded.decided_at_ms > decided_at_ms",
            rows,
        )
    add_rows(connection, "sticky_choices", new)


class SqliteStickyChoices:
    """See storage.units.StickyChoices."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, number: int, unit: int) -> str | None:
        """See the interface."""
        row = self._database.row(
            "SELECT id FROM sound_sticky_choices WHERE number = ? AND unit = ?",
            (number, unit),
        )
        return None if row is None else shown_id(row[0])


def _salt(connection: sqlite3.Connection, number: int) -> str:
    row = connection.execute(
        "SELECT salt FROM sound_experiments WHERE number = ?", (number,)
    ).fetchone()
    return "" if row is None else str(row[0])


def _row(number: int, unit: int, decision: Decision) -> tuple[int | bytes, ...]:
    row = number, unit, stored_id(decision.id), decision.decided_at_ms
    return (*row, row_crc("sticky_choices", *row))
