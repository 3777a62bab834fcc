"""Jobs of a PostgreSQL store, which several processes do at once.

Owns the lease of each running job; see storage.jobs.Jobs. Its name is that of the job,
and its row lies in the table leases.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, cast

from bandit_svc.errors import Unavailable
from bandit_svc.storage.jobs import JobRow
from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.postgres.leases import UNTIL, process_name
from bandit_svc.storage.postgres.sharing.fence import Fence, fenced
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.jobs import SqliteJobs
from bandit_svc.storage.sqlite.rows.due import EmbeddedConnection

RENEWALS: Final = 3
"""In the time of a lease."""
_LIVES: Final = "expires_at > clock_timestamp()"
_LEFT: Final = f"""
    finished_at_ms IS NULL AND status = 'running' AND NOT EXISTS (
        SELECT 1 FROM leases WHERE name = 'job ' || jobs.id AND {_LIVES})"""  # noqa: S608 - a constant
_STOPPED: Final = f"SELECT 1 FROM leases WHERE name = 'jobs' AND {_LIVES}"  # noqa: S608 - a constant
_NEXT: Final = """
    SELECT id FROM jobs WHERE finished_at_ms IS NULL AND status = 'queued'
    ORDER BY sequence LIMIT 1 FOR UPDATE SKIP LOCKED"""
_TAKE: Final = f"""
    INSERT INTO leases VALUES (%s, %s, 1, {UNTIL})
    ON CONFLICT (name) DO UPDATE SET process = excluded.process,
        token = leases.token + 1, expires_at = excluded.expires_at
    RETURNING token"""  # noqa: S608 - a constant
_RENEW: Final = f"""
    UPDATE leases SET expires_at = {UNTIL} WHERE name = %s AND token = %s"""  # noqa: S608 - a constant
_END: Final = """
    UPDATE leases SET expires_at = clock_timestamp() WHERE name = %s AND token = %s"""
_FORGET: Final = f"""
    DELETE FROM leases WHERE starts_with(name, 'job ') AND NOT {_LIVES}
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE 'job ' || jobs.id = leases.name
        AND finished_at_ms IS NULL)"""  # noqa: S608 - a constant


class PostgresJobs(SqliteJobs):
    """See storage.jobs.Jobs."""

    def __init__(self, database: Database, ttl_s: float) -> None:
        # It takes the statements of the embedded one.
        super().__init__(cast("EmbeddedDatabase", database))
        self._server = database
        self._ttl_s = ttl_s
        self._claimed: dict[str, Fence] = {}

    def unfinished(self) -> bool:
        """See the interface."""
        asked = (
            "SELECT EXISTS (SELECT 1 FROM jobs WHERE finished_at_ms IS NULL"  # noqa: S608 - a constant
            f" AND (status = 'queued' OR ({_LEFT})))"
        )
        with self._server.read() as connection:
            row = connection.plain.execute(asked.encode()).fetchone()
        return row is not None and bool(row[0])

    def recover(self, attempts: int, reason: str, now_ms: int) -> None:
        """See the interface."""
        failed = (
            "UPDATE jobs SET status = 'failed', error = %s, finished_at_ms = %s"  # noqa: S608 - a constant
            f" WHERE {_LEFT} AND attempts >= %s"
        )
        queued = f"UPDATE jobs SET status = 'queued' WHERE {_LEFT}"  # noqa: S608 - a constant
        with self._server.write() as connection:
            plain = connection.plain
            plain.execute(failed.encode(), (reason, now_ms, attempts))
            plain.execute(queued.encode())
            plain.execute(_FORGET)

    def claim(self, now_ms: int) -> JobRow | None:
        """See the interface."""
        with self._server.write() as connection:
            plain = connection.plain
            if plain.execute(_STOPPED).fetchone() is not None:
                return None
            found = plain.execute(_NEXT).fetchone()
            if found is None:
                return None
            (job_id,) = found
            claimed = self._begin(
                cast("EmbeddedConnection", connection), job_id, now_ms
            )
            name = f"job {job_id}"
            taken = plain.execute(_TAKE, (name, process_name(), self._ttl_s))
            (token,) = taken.fetchone() or (0,)
        self._claimed[job_id] = Fence(self._server.place, name, token, self._ttl_s)
        return claimed

    @contextmanager
    def holding(self, job_id: str) -> Iterator[None]:
        """See the interface."""
        fence = self._claimed.pop(job_id)
        done = threading.Event()
        renewing = threading.Thread(
            target=self._renew, args=(fence, done), name=fence.name
        )
        renewing.start()
        try:
            with fenced(fence):
                yield
        finally:
            done.set()
            renewing.join()
            # What can't be given back ends by itself.
            with suppress(Unavailable), self._server.plain() as plain:
                plain.execute(_END, (fence.name, fence.token))

    def _renew(self, fence: Fence, done: threading.Event) -> None:
        while not done.wait(self._ttl_s / RENEWALS):
            with suppress(Unavailable), self._server.plain() as plain:
                plain.execute(_RENEW, (self._ttl_s, fence.name, fence.token))
