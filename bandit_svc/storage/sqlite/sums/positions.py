"""Positions of the joined order, and the rows that are appended to it.

Owns the writing of the table joined. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from bandit_svc.storage.rows import ClosedDecision
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.due import among_of


def last_positions(
    connection: sqlite3.Connection, numbers: Iterable[int]
) -> dict[int, int]:
    """Return the last position of each of some experiments; 0 without any."""
    found = connection.execute(
        "SELECT n.value, (SELECT max(position) FROM joined j WHERE j.number = n.value)"
        " FROM (SELECT value FROM json_each(?)) AS n",
        among_of([*numbers]),
    ).fetchall()
    return {number: position or 0 for number, position in found}


def append_joined(
    connection: sqlite3.Connection, closed: Sequence[ClosedDecision], now_ms: int
) -> list[int]:
    """Append to the joined order; return the position of each."""
    positions = last_positions(connection, {c.due.number for c in closed})
    rows = []
    for c in closed:
        number = c.due.number
        positions[number] += 1
        # SQLite keeps -0.0 as 0.0.
        row = (
            number,
            positions[number],
            c.due.row_id,
            c.reward + 0.0,
            c.counted,
            int(c.learnable),
            now_ms,
        )
        rows.append((*row, row_crc("joined", *row)))
    connection.executemany("INSERT INTO joined VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    add_rows(connection, "joined", len(rows))
    return [row[1] for row in rows]
