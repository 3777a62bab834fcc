"""The rewards of the slots of joined pages.

Owns the table joined_slots: of each joined page what was reported for all of it, and
then what each slot earned. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from msgspec.structs import replace
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.packing import FLOAT_BYTES, pack_floats, read_floats
from bandit_svc.storage.rows import ClosedDecision, JoinedRow
from bandit_svc.storage.sqlite.rows.checksums import check_rows

_IDS_AT_ONCE = 500
_KEEP = "INSERT OR REPLACE INTO joined_slots VALUES (?, ?, NULL)"


def create_joined_slots(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE joined_slots (row_id INTEGER PRIMARY KEY, rewards BLOB NOT NULL)"
    )
    check_rows(db, "joined_slots")


def keep_joined_slots(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision]
) -> None:
    """Keep the rewards of the slots of those that are pages."""
    rows = [
        (one.due.row_id, pack_floats(_plain(one.slots)))
        for one in closed
        if one.slots is not None
    ]
    if rows:
        connection.executemany(_KEEP, rows)


def change_joined_slots(
    connection: sqlite3.Connection, row_id: int, rewards: Sequence[float]
) -> None:
    """Replace the rewards of a page's slots."""
    connection.execute(_KEEP, (row_id, pack_floats(_plain(rewards))))


def with_slots(
    connection: sqlite3.Connection, rows: Sequence[JoinedRow], row_ids: Sequence[int]
) -> list[JoinedRow]:
    """Return joined decisions with the rewards of the slots of pages.

    A page whose rewards are damaged is left out, as any row that is.

    Args:
        connection: in the transaction.
        rows: joined decisions.
        row_ids: of these.
    """
    pages = [
        row_id
        for row, row_id in zip(rows, row_ids, strict=True)
        if row.decision.slots is not None
    ]
    if not pages:
        return list(rows)
    found = joined_slots(connection, pages)
    return [
        row if row.decision.slots is None else replace(row, slots=found[row_id])
        for row, row_id in zip(rows, row_ids, strict=True)
        if row.decision.slots is None or row_id in found
    ]


def joined_slots(
    connection: sqlite3.Connection, row_ids: Sequence[int]
) -> dict[int, tuple[float, ...]]:
    """Return the rewards of pages by row: of the whole page, then of each slot."""
    found: dict[int, tuple[float, ...]] = {}
    for begin in range(0, len(row_ids), _IDS_AT_ONCE):
        some = row_ids[begin : begin + _IDS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        sql = (
            f"SELECT row_id, rewards FROM sound_joined_slots WHERE row_id IN ({marks})"  # noqa: S608 - marks alone
        )
        for row_id, packed in connection.execute(sql, some):
            found[row_id] = read_floats(packed, 0, len(packed) // FLOAT_BYTES)
    return found


def _plain(rewards: Iterable[float]) -> list[float]:
    # As SQLite keeps numbers: -0.0 is 0.0.
    return [reward + 0.0 for reward in rewards]
