"""Decisions that are due, as rows that are checked where they are read.

Owns the SQL of an open decision's row and of its change to a joined one. The view
`sound_decisions` would call back for each row, and an update with `row_crc` once more:
here the row comes with its checksum, is compared in one pass, and brings the checksum
that it will have once it is joined.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.sqlite.rows.checksums import row_crc
from bandit_svc.storage.sqlite.rows.facts import DECISION
from bandit_svc.storage.sqlite.rows.states import JOINED, OPEN

_STATE = DECISION.index("state")
# Damage makes a text where there was none, and one that is no UTF-8 can't be read.
_VALUES = ", ".join(
    f"iif(typeof({name}) = 'text', 'text', {name})" for name in DECISION
)
_DUE = f"""
    SELECT {_VALUES}, iif(typeof(crc) = 'blob', crc, NULL)
    FROM decisions WHERE state = {OPEN} AND ready_at_ms <= ?
    ORDER BY ready_at_ms, id LIMIT ? OFFSET ?"""  # noqa: S608 - names of our columns
AMONG = "number IN (SELECT value FROM json_each(?))"
"""A condition: of certain experiments."""
_DUE_OF = _DUE.replace("AND", f"AND {AMONG} AND", 1)
_JOIN = f"UPDATE decisions SET state = {JOINED}, crc = ? WHERE row_id = ? AND crc = ?"  # noqa: S608 - our own number
_JOIN_AS_IT_IS = f"""
    UPDATE decisions SET state = {JOINED}, crc = row_crc('decisions', {
    ", ".join(str(JOINED) if name == "state" else name for name in DECISION)
}) WHERE row_id = ?"""  # noqa: S608 - names of our columns


class DueRow(NamedTuple):
    """A sound row of a decision that is due.

    Attributes:
        row_id: of the decision.
        stored: its id, as it is stored.
        at_ms: when it was exposed.
        logged: what the row keeps of it.
        crc: its checksum.
        joined_crc: its checksum once it is joined.
    """

    row_id: int
    stored: bytes
    at_ms: int
    logged: bytes
    crc: bytes
    joined_crc: bytes


EmbeddedConnection = sqlite3.Connection
Numbers = Collection[int] | None
"""Of the experiments whose decisions are asked for; None for all."""
DueRows = Callable[
    [sqlite3.Connection, int, int, Callable[[Damage], None], Numbers], list[DueRow]
]
"""See `due_rows`."""
JoinRows = Callable[[sqlite3.Connection, Iterable[int], dict[int, DueRow]], None]
"""See `join_rows`."""


LastRow = Callable[[sqlite3.Connection, int], int]
"""See `last_row`."""


class OpenRows(NamedTuple):
    """How a store numbers new rows, reads those that are due, and marks joined ones."""

    due: DueRows
    join: JoinRows
    last: LastRow


def due_rows(
    connection: sqlite3.Connection,
    now_ms: int,
    limit: int,
    found: Callable[[Damage], None],
    numbers: Numbers = None,
) -> list[DueRow]:
    """Return open decisions that are ready, by readiness and id.

    Args:
        connection: inside a transaction.
        now_ms: until when they have to be ready.
        limit: of their number.
        found: told of each damaged row, which is left out.
        numbers: of the experiments that they are of; None for all.
    """
    due: list[DueRow] = []
    sql, among = (_DUE, ()) if numbers is None else (_DUE_OF, among_of(numbers))
    passed = 0
    while True:
        rows = connection.execute(sql, (*among, now_ms, limit, passed)).fetchall()
        due += _sound(rows, found)
        passed += len(rows)
        # Damaged rows stay due, and must not keep those behind them back.
        if len(due) >= limit or len(rows) < limit:
            return due[:limit]


def among_of(numbers: Collection[int]) -> tuple[str]:
    """Return the parameter of AMONG."""
    return (f"[{','.join(map(str, numbers))}]",)


def _sound(
    rows: Iterable[tuple[Any, ...]], found: Callable[[Damage], None]
) -> Iterator[DueRow]:
    for row in rows:
        *values, crc = row
        if row_crc("decisions", *values) != crc:
            found(Damage("decisions", 0, values[0], 1, 0, "row"))
            continue
        row_id, stored, _, _, _, at_ms, *_, logged = values
        values[_STATE] = JOINED
        joined_crc = row_crc("decisions", *values)
        yield DueRow(row_id, stored, at_ms, logged, crc, joined_crc)


def join_rows(
    connection: sqlite3.Connection, row_ids: Iterable[int], due: dict[int, DueRow]
) -> None:
    """Mark decisions as joined.

    Args:
        connection: inside a transaction.
        row_ids: of the decisions.
        due: their rows as they were read, by row_id; some may be missing.
    """
    rows = [(due.get(row_id), row_id) for row_id in row_ids]
    known = [(row.joined_crc, row_id, row.crc) for row, row_id in rows if row]
    changed = connection.executemany(_JOIN, known).rowcount if known else 0
    if changed < len(rows):
        connection.executemany(_JOIN_AS_IT_IS, [(row_id,) for _, row_id in rows])


def last_row(
    connection: sqlite3.Connection,
    count: int,  # noqa: ARG001 - nobody else takes them
) -> int:
    """Return the row_id before those of new decisions; see OpenRows.

    Args:
        connection: inside the transaction that adds them.
        count: how many may come.
    """
    (last,) = connection.execute(
        "SELECT coalesce(max(row_id), 0) FROM decisions"
    ).fetchone()
    return int(last)


CHECKED_ROWS = OpenRows(due_rows, join_rows, last_row)
