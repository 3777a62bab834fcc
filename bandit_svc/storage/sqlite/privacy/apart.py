"""Decisions without consent in SQLite: those that are due, and their sums.

Owns the table apart_sums; see storage.privacy.Apart. These decisions are in no joined
order and in no other sum.
"""

from collections.abc import Collection, Sequence

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.storage.privacy import ApartRow
from bandit_svc.storage.rows import ClosedDecision, DueDecision
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions
from bandit_svc.storage.sqlite.rows.due import AMONG, among_of
from bandit_svc.storage.sqlite.rows.facts import decision_change
from bandit_svc.storage.sqlite.rows.joined import FoundRow, due_decisions
from bandit_svc.storage.sqlite.rows.states import APART, APART_OPEN, SET_ASIDE

_DUE = f"""
    SELECT row_id, id, at_ms, logged FROM sound_decisions
    WHERE state = {APART_OPEN} AND ready_at_ms <= ? ORDER BY ready_at_ms, id LIMIT ?"""  # noqa: S608 - our own number
_DUE_OF = _DUE.replace("AND", f"AND {AMONG} AND", 1)
_SET_STATE = decision_change({"state": "?2"}, "row_id = ?1")
_ADD = (
    "INSERT INTO apart_sums VALUES (?, ?, 1, ?, ?, NULL)"
    " ON CONFLICT (number, grp) DO UPDATE SET n = n + 1,"
    " total = total + excluded.total,"
    " total_squares = total_squares + excluded.total_squares"
)


def create_apart(db: UtilsDatabase) -> None:
    """Create the table and the index, in the transaction of a migration."""
    db.execute(
        """CREATE TABLE apart_sums (
            number INTEGER NOT NULL, grp TEXT NOT NULL, n INTEGER NOT NULL,
            total REAL NOT NULL, total_squares REAL NOT NULL,
            PRIMARY KEY (number, grp)) WITHOUT ROWID"""
    )
    check_rows(db, "apart_sums")
    db.execute(
        "CREATE INDEX decisions_apart ON decisions (ready_at_ms, id)"
        f" WHERE state = {APART_OPEN}"
    )


class SqliteApart:
    """See storage.privacy.Apart."""

    def __init__(self, database: Database, decisions: StoredDecisions) -> None:
        self._database = database
        self._decisions = decisions

    def due(
        self, now_ms: int, limit: int, numbers: Collection[int] | None = None
    ) -> list[DueDecision]:
        """See the interface."""
        lost = []
        with self._database.read() as connection:
            sql, among = (_DUE, ()) if numbers is None else (_DUE_OF, among_of(numbers))
            rows = connection.execute(sql, (*among, now_ms, limit)).fetchall()
            found = []
            for row_id, stored, at_ms, logged in rows:
                try:
                    decision = self._decisions.decode(stored, logged)
                except UnreadableEvent:
                    lost.append(row_id)
                    continue
                found.append(FoundRow(decision, row_id, at_ms, stored))
            due = due_decisions(connection, found)
        if lost:
            with self._database.write() as connection:
                connection.executemany(_SET_STATE, [(one, SET_ASIDE) for one in lost])
        return due

    def close(self, closed: Sequence[ClosedDecision]) -> None:
        """See the interface."""
        with self._database.write() as connection:
            for one in closed:
                connection.execute(_SET_STATE, (one.due.row_id, APART))
                sums = (one.reward + 0.0, one.reward * one.reward)
                connection.execute(_ADD, (one.due.number, one.due.group, *sums))

    def sums(self, number: int) -> list[ApartRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT grp, n, total, total_squares FROM sound_apart_sums"
                " WHERE number = ? ORDER BY grp",
                (number,),
            ).fetchall()
        return [ApartRow(*row) for row in rows]
