"""Taking joined decisions out of the store, once the archive has them.

Owns the tables `dropped` (how far, and what the sums of the store count besides) and
`dropped_ids` (which decisions they were, so that none comes twice). The caller owns the
transactions.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.decision_id import (
    RAW_ID_BYTES,
    number_of,
    page_of,
    raw_slot_id,
)
from bandit_svc.domain.events.packing import FLOAT_BYTES
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.storage.sqlite.rows.checksums import check_rows, row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows

_PLACES: Final = """
    SELECT j.position, j.row_id, j.counted, j.joined_at_ms, d.id, length(s.rewards)
    FROM joined j LEFT JOIN decisions d USING (row_id)
    LEFT JOIN joined_slots s USING (row_id)
    WHERE j.number = ? AND j.position > ? AND j.position <= ?
    ORDER BY j.position LIMIT ?"""
_POSITION: Final = "SELECT position FROM sound_dropped WHERE number = ?"
# One that is dropped and not yet taken away has its row still.
_PLACE: Final = """
    SELECT j.position FROM decisions d JOIN joined j USING (row_id)
    JOIN dropped g ON g.number = j.number
    WHERE d.id = ? AND j.position <= g.position"""
_REMOVED: Final = """
    SELECT position FROM sound_dropped_ids WHERE number = ? AND id = ?"""
_AT_ONCE: Final = 500
_NUMBER_AT: Final = 15
_FLAGS_AT: Final = 19
"""In the 30 bytes of an id; its signature is behind the flags."""


class _Place(NamedTuple):
    """A joined decision; `stored` is its id, None where its row is gone."""

    position: int
    row_id: int
    counted: int
    joined_at_ms: int
    stored: bytes | None
    packed: int | None

    @property
    def ids(self) -> list[tuple[bytes]]:
        """The ids that its rewards name: its own, and those of a page's slots."""
        if self.stored is None:
            return []
        slots = 0 if self.packed is None else self.choices
        return [
            (self.stored,),
            *((raw_slot_id(self.stored, slot),) for slot in range(1, slots + 1)),
        ]

    @property
    def choices(self) -> int:
        """The number of variants that it has chosen: one, or one a slot of a page."""
        return 1 if self.packed is None else self.packed // FLOAT_BYTES - 1


def create_dropped(db: UtilsDatabase) -> None:
    """Create the tables, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE dropped (number INTEGER PRIMARY KEY, position INTEGER NOT NULL,"
        " removed INTEGER NOT NULL, n INTEGER NOT NULL, rewarded INTEGER NOT NULL,"
        " counted INTEGER NOT NULL, choices INTEGER NOT NULL)"
    )
    db.execute(
        "CREATE TABLE dropped_ids (number INTEGER NOT NULL, id BLOB NOT NULL,"
        " position INTEGER NOT NULL, day INTEGER NOT NULL, crc BLOB,"
        " PRIMARY KEY (number, id)) WITHOUT ROWID"
    )
    check_rows(db, "dropped")
    check_rows(db, "dropped_ids", by_writers=True)


def dropped_position(connection: sqlite3.Connection, number: int) -> int:
    """Return the last dropped position of an experiment; 0 for none."""
    row = connection.execute(_POSITION, (number,)).fetchone()
    return 0 if row is None else int(row[0])


def any_dropped(connection: sqlite3.Connection) -> bool:
    """Return whether anything was dropped; where it is not used, nothing ever is."""
    return connection.execute("SELECT 1 FROM dropped LIMIT 1").fetchone() is not None


def place_of_removed(
    connection: sqlite3.Connection, stored: bytes
) -> tuple[int, int] | None:
    """Return number and position of a decision that is gone, by its id or a slot's."""
    key = _key(stored)
    row = connection.execute(_REMOVED, key).fetchone()
    return None if row is None else (key[0], int(row[0]))


def position_of_dropped(connection: sqlite3.Connection, stored: bytes) -> int | None:
    """Return the position of a dropped decision, whose row may be there still."""
    gone = place_of_removed(connection, stored)
    if gone is not None:
        return gone[1]
    row = connection.execute(_PLACE, (page_of(stored),)).fetchone()
    return None if row is None else int(row[0])


def removed_among(
    connection: sqlite3.Connection, stored: Iterable[bytes]
) -> set[bytes]:
    """Return those ids whose decisions are gone, as they were given."""
    by_number: dict[int, dict[bytes, list[bytes]]] = {}
    for one in stored:
        number, short = _key(one)
        by_number.setdefault(number, {}).setdefault(short, []).append(one)
    found: set[bytes] = set()
    for number, given in by_number.items():
        keys = list(given)
        for begin in range(0, len(keys), _AT_ONCE):
            some = keys[begin : begin + _AT_ONCE]
            rows = connection.execute(
                "SELECT id FROM sound_dropped_ids"  # noqa: S608 - marks alone
                f" WHERE number = ? AND id IN ({', '.join('?' * len(some))})",
                (number, *some),
            )
            found.update(*(given[short] for (short,) in rows.fetchall()))
    return found


def begin_drop(connection: sqlite3.Connection, number: int, last: int) -> None:
    """Let the positions up to one be dropped."""
    connection.execute(
        "INSERT INTO dropped (number, position, removed, n, rewarded, counted,"
        " choices) VALUES (?, ?, 0, 0, 0, 0, 0)"
        " ON CONFLICT (number) DO UPDATE SET position = excluded.position",
        (number, last),
    )


def rewards_of_span(
    connection: sqlite3.Connection, number: int, first: int, last: int, most: int
) -> tuple[int, list[tuple[bytes]]]:
    """Return what the rewards of joined positions name.

    Args:
        connection: in a transaction.
        number: of the experiment.
        first, last: the positions.
        most: of the positions at once.

    Returns:
        The last position of these, and the ids; 0 where there are none.
    """
    where = number, first - 1, last, most
    rows = [_Place(*row) for row in connection.execute(_PLACES, where).fetchall()]
    ids = [id_ for row in rows for id_ in row.ids]
    return (rows[-1].position if rows else 0), ids


def remove_rows(connection: sqlite3.Connection, number: int, most: int) -> int:
    """Take away the rows of dropped positions; return of how many."""
    state = connection.execute(
        "SELECT position, removed FROM dropped WHERE number = ?", (number,)
    ).fetchone()
    if state is None or state[0] == state[1]:
        return 0
    position, removed = state
    where = number, removed, position, most
    rows = [_Place(*row) for row in connection.execute(_PLACES, where).fetchall()]
    reached = rows[-1].position if len(rows) == most else position
    _delete(connection, rows)
    connection.execute(
        "UPDATE dropped SET removed = ?, n = n + ?, rewarded = rewarded + ?,"
        " counted = counted + ?, choices = choices + ? WHERE number = ?",
        (
            reached,
            len(rows),
            sum(row.counted > 0 for row in rows),
            sum(row.counted for row in rows),
            sum(row.choices for row in rows),
            number,
        ),
    )
    return len(rows)


def _delete(connection: sqlite3.Connection, rows: Sequence[_Place]) -> None:
    """Delete what the tables of facts have of joined decisions; keep their ids."""
    ids = [id_ for row in rows for id_ in row.ids]
    own = [(row.stored,) for row in rows if row.stored is not None]
    row_ids = [(row.row_id,) for row in rows]
    pages = [(row.row_id,) for row in rows if row.packed is not None]
    for table, gone in (
        ("joined", _delete_by(connection, "joined", "row_id", row_ids)),
        ("decisions", _delete_by(connection, "decisions", "row_id", row_ids)),
        ("rewards", _delete_by(connection, "rewards", "decision_id", ids)),
    ):
        add_rows(connection, table, -gone)
    _delete_by(connection, "joined_slots", "row_id", pages)
    _delete_by(connection, "activations", "decision_id", own)
    kept = [
        (*_key(row.stored), row.position, row.joined_at_ms // DAY_MS)
        for row in rows
        if row.stored is not None
    ]
    came = connection.executemany(
        "INSERT INTO dropped_ids VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (number, id) DO NOTHING",
        [(*one, row_crc("dropped_ids", *one)) for one in kept],
    ).rowcount
    add_rows(connection, "dropped_ids", came if kept else 0)


def _delete_by(
    connection: sqlite3.Connection,
    table: str,
    column: str,
    keys: Sequence[tuple[int] | tuple[bytes]],
) -> int:
    if not keys:
        return 0
    sql = f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - our own names
    return connection.executemany(sql, keys).rowcount


def forget_ids(
    connection: sqlite3.Connection, number: int, before_ms: int, after: bytes, most: int
) -> bytes | None:
    """Forget ids of decisions that were joined before the day of a time.

    Args:
        connection: in a transaction.
        number: of the experiment.
        before_ms: the time.
        after: what the slice before has returned; b"" for the first.
        most: ids that are looked at.

    Returns:
        Where the next slice begins; None behind the last.
    """
    rows = connection.execute(
        "SELECT id, day FROM dropped_ids WHERE number = ? AND id > ?"
        " ORDER BY id LIMIT ?",
        (number, after, most),
    ).fetchall()
    old = [(number, short) for short, day in rows if day < before_ms // DAY_MS]
    if old:
        gone = connection.executemany(
            "DELETE FROM dropped_ids WHERE number = ? AND id = ?", old
        ).rowcount
        add_rows(connection, "dropped_ids", -gone)
    return rows[-1][0] if len(rows) == most else None


def _key(stored: bytes) -> tuple[int, bytes]:
    """Return what tells a decision from all others: its number and a short id.

    Of an id of 30 bytes that is all but the number and the signature.
    """
    if len(stored) != RAW_ID_BYTES:
        return 0, stored
    page = page_of(stored)
    return number_of(page), page[:_NUMBER_AT] + page[_FLAGS_AT : _FLAGS_AT + 1]
