"""Jobs in SQLite.

Owns the table jobs; see storage.jobs.Jobs.
"""

import sqlite3
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec

from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import Conflict
from bandit_svc.storage.jobs import JobRow
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.due import EmbeddedConnection

_COLUMNS = (
    "id, number, kind, request, created_at_ms, status, attempts, done, total,"
    " started_at_ms, finished_at_ms, error"
)
_REQUEST = 3


class SqliteJobs:
    """See storage.jobs.Jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, row: JobRow, limit: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            (queued,) = connection.execute(
                "SELECT count(*) FROM jobs WHERE finished_at_ms IS NULL"
                " AND number = ? AND status = 'queued'",
                [row.number],
            ).fetchone()
            if queued >= limit:
                raise Conflict(
                    f"{queued} jobs of this experiment are queued; at most {limit} "
                    "may wait. Ask again when one is done"
                )
            connection.execute(
                "INSERT INTO jobs (id, number, kind, request, created_at_ms, status,"
                " attempts, done, total) VALUES (?, ?, ?, ?, ?, 'queued', 0, 0, 0)",
                [
                    row.id,
                    row.number,
                    row.kind,
                    msgspec.json.encode(row.request).decode(),
                    row.created_at_ms,
                ],
            )

    def get(self, number: int, job_id: str) -> JobRow | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS}, result FROM sound_jobs"  # noqa: S608 - a constant
                " WHERE id = ? AND number = ?",
                [job_id, number],
            ).fetchone()
        if row is None:
            return None
        *rest, result = row
        found = _row(rest)
        if result is None:
            return found
        return msgspec.structs.replace(found, result=msgspec.json.decode(result))

    def faults(self, kind: str) -> list[JobRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM sound_jobs WHERE error IS NOT NULL"  # noqa: S608 - a constant
                " AND sequence IN (SELECT max(sequence) FROM jobs WHERE kind = ?"
                " AND finished_at_ms IS NOT NULL GROUP BY number) ORDER BY number",
                [kind],
            ).fetchall()
        return [_row(row) for row in rows]

    def all(self, number: int, kind: str) -> list[JobRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM sound_jobs WHERE number = ? AND kind = ?"  # noqa: S608 - a constant
                " ORDER BY sequence DESC",
                [number, kind],
            ).fetchall()
        return [_row(row) for row in rows]

    def unfinished(self) -> bool:
        """See the interface."""
        with self._database.read() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM jobs WHERE finished_at_ms IS NULL)"
            ).fetchone()
        return bool(found)

    def recover(self, attempts: int, reason: str, now_ms: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            running = "finished_at_ms IS NULL AND status = 'running'"
            connection.execute(
                "UPDATE jobs SET status = 'failed', error = ?, finished_at_ms = ?"  # noqa: S608 - a constant
                f" WHERE {running} AND attempts >= ?",
                [reason, now_ms, attempts],
            )
            connection.execute(f"UPDATE jobs SET status = 'queued' WHERE {running}")  # noqa: S608 - a constant

    def claim(self, now_ms: int) -> JobRow | None:
        """See the interface."""
        with self._database.write() as connection:
            found = connection.execute(
                "SELECT id FROM jobs WHERE finished_at_ms IS NULL"
                " AND status = 'queued' ORDER BY sequence LIMIT 1"
            ).fetchone()
            return None if found is None else self._begin(connection, found[0], now_ms)

    def _begin(
        self, connection: EmbeddedConnection, job_id: str, now_ms: int
    ) -> JobRow:
        row = connection.execute(
            "UPDATE jobs SET status = 'running', attempts = attempts + 1,"  # noqa: S608 - a constant
            " done = 0, total = 0, started_at_ms = ?"
            f" WHERE id = ? RETURNING {_COLUMNS}",
            [now_ms, job_id],
        ).fetchone()
        return _row(row)

    def holding(self, job_id: str) -> AbstractContextManager[None]:
        """See the interface; its process holds the lease `jobs`."""
        del job_id
        return nullcontext()

    def progress(self, job_id: str, done: int, total: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET done = ?, total = ?"
                " WHERE id = ? AND status = 'running'",
                [done, total, job_id],
            )

    def release(self, job_id: str) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'queued', attempts = attempts - 1,"
                " done = 0, total = 0, started_at_ms = NULL"
                " WHERE id = ? AND status = 'running'",
                [job_id],
            )

    def complete(self, job_id: str, result: Payload, now_ms: int, keep: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'done', result = ?, finished_at_ms = ?"
                " WHERE id = ? AND status = 'running'",
                [msgspec.json.encode(result).decode(), now_ms, job_id],
            )
            _forget(connection, job_id, keep)

    def fail(self, job_id: str, error: str, now_ms: int, keep: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'failed', error = ?, finished_at_ms = ?"
                " WHERE id = ? AND status = 'running'",
                [error, now_ms, job_id],
            )
            _forget(connection, job_id, keep)


def _forget(connection: sqlite3.Connection, job_id: str, keep: int) -> None:
    """Drop finished jobs beyond the newest, of the same experiment and kind."""
    connection.execute(
        "DELETE FROM jobs WHERE sequence IN (SELECT other.sequence FROM jobs this"
        " JOIN jobs other USING (number, kind) WHERE this.id = ?"
        " AND other.finished_at_ms IS NOT NULL"
        " ORDER BY other.sequence DESC LIMIT 9223372036854775807 OFFSET ?)",
        [job_id, keep],
    )


def _row(row: "list[Any] | tuple[Any, ...]") -> JobRow:
    values = list(row)
    values[_REQUEST] = msgspec.json.decode(values[_REQUEST])
    return JobRow(*values)
