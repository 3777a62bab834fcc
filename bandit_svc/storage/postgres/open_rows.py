"""Decisions that are due, and their change to joined ones, on PostgreSQL.

Owns the SQL of both; see storage.sqlite.rows.due, whose rows have checksums.
"""

from collections.abc import Callable, Iterable
from typing import Final, cast

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.postgres.database import Connection
from bandit_svc.storage.sqlite.rows.due import DueRow, DueRows, JoinRows, OpenRows
from bandit_svc.storage.sqlite.rows.states import JOINED, OPEN

_DUE: Final = f"""
    SELECT row_id, id, at_ms, logged FROM decisions
    WHERE state = {OPEN} AND ready_at_ms <= %s ORDER BY ready_at_ms, id LIMIT %s"""  # noqa: S608 - our own number
_JOIN: Final = f"UPDATE decisions SET state = {JOINED} WHERE row_id = ANY(%s)"  # noqa: S608 - our own number


def _due(
    connection: Connection, now_ms: int, limit: int, _: Callable[[Damage], None]
) -> list[DueRow]:
    rows = connection.plain.execute(_DUE, (now_ms, limit)).fetchall()
    return [
        DueRow(row_id, stored, at_ms, logged, b"", b"")
        for row_id, stored, at_ms, logged in rows
    ]


def _join(connection: Connection, row_ids: Iterable[int], _: dict[int, DueRow]) -> None:
    connection.plain.execute(_JOIN, (list(row_ids),))


# The connection is one that takes the statements of the embedded store.
OPEN_ROWS: Final = OpenRows(cast("DueRows", _due), cast("JoinRows", _join))
