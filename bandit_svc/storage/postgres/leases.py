"""Leases of a PostgreSQL store: rows with a token that rises.

Owns the table leases; see storage.control.leases. A holder renews its lease. Who is
stopped or cut off from the server loses it after `ttl_s`, and from then on each write
of that process fails by its token. A lock of the server would stay with a stopped
process for ever.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from bandit_svc.errors import LeaseLost, Unavailable
from bandit_svc.storage.control.leases import JOBS, LEARNER, Holder
from bandit_svc.storage.postgres.database import Database

TTL_S: Final = 6.0
RENEWALS: Final = 3
"""In the time of a lease."""

CREATE: Final = """
    CREATE TABLE IF NOT EXISTS leases (
        name text COLLATE "C" PRIMARY KEY, process text NOT NULL,
        token bigint NOT NULL, expires_at timestamptz NOT NULL)"""
UNTIL: Final = "clock_timestamp() + %s * interval '1 s'"
_TAKE: Final = f"""
    INSERT INTO leases VALUES (%s, %s, 1, {UNTIL})
    ON CONFLICT (name) DO UPDATE SET process = excluded.process,
        token = leases.token + 1, expires_at = excluded.expires_at
    WHERE leases.expires_at <= clock_timestamp() RETURNING token"""  # noqa: S608 - a constant
_RENEW: Final = f"""
    UPDATE leases SET expires_at = {UNTIL}
    WHERE name = %s AND token = %s RETURNING token"""  # noqa: S608 - a constant
_END: Final = """
    UPDATE leases SET expires_at = clock_timestamp() WHERE name = %s AND token = %s"""
_HOLDER: Final = """
    SELECT process, token FROM leases
    WHERE name = %s AND expires_at > clock_timestamp()"""
_SHARING: Final = {
    LEARNER: "SELECT 1 FROM members WHERE expires_at > clock_timestamp()",
    JOBS: """
        SELECT 1 FROM leases
        WHERE starts_with(name, 'job ') AND expires_at > clock_timestamp()""",
}
"""Tell whether others share what the holder of a name has alone; see sharing/."""
_STILL: Final = "SELECT 1 FROM leases WHERE name = %s AND token = %s FOR SHARE"

_held: dict[tuple[str, str, str], int] = {}
"""Tokens that this process holds, by server, schema and name: a lease belongs to a
process, whichever of its stores took it."""


class PostgresLeases:
    """See storage.control.leases.Leases."""

    def __init__(self, database: Database, ttl_s: float = TTL_S) -> None:
        self._database = database
        self._ttl_s = ttl_s

    @contextmanager
    def hold(self, name: str) -> Iterator[Holder | None]:
        """See the interface."""
        process = process_name()
        row = self._ask(_TAKE, (name, process, self._ttl_s))
        if row is None:
            yield None
            return
        token: int = row[0]
        shared = _SHARING.get(name)
        if shared is not None and self._ask(shared, ()) is not None:
            self._ask(_END, (name, token))
            yield None
            return
        key = (*self._database.place, name)
        _held[key] = token
        done = threading.Event()
        renewing = threading.Thread(
            target=self._renew, args=(name, token, done), name=f"lease {name}"
        )
        renewing.start()
        try:
            yield Holder(process, token)
        finally:
            done.set()
            renewing.join()
            del _held[key]
            # What can't be given back ends by itself.
            with suppress(Unavailable):
                self._ask(_END, (name, token))

    def holder(self, name: str) -> Holder | None:
        """See the interface."""
        row = self._ask(_HOLDER, (name,))
        return None if row is None else Holder(*row)

    def _renew(self, name: str, token: int, done: threading.Event) -> None:
        """Renew a lease until its block ends, or another process has it."""
        while not done.wait(self._ttl_s / RENEWALS):
            with suppress(Unavailable):
                if self._ask(_RENEW, (self._ttl_s, name, token)) is None:
                    return

    def _ask(self, sql: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        with self._database.soon() as plain:
            cursor = plain.execute(sql, values)
            return cursor.fetchone() if cursor.description else None


def process_name() -> str:
    """Return what a lease says of its holder."""
    return f"{os.getpid()} on {socket.gethostname()}"


def require_leases(plain: "psycopg.Connection[Any]", place: tuple[str, str]) -> None:
    """Require that this process still holds the leases that it took.

    Call it first in each transaction that writes: a later holder of the name waits for
    its end.

    Raises:
        LeaseLost: another process holds one of them now.
    """
    for (*where, name), token in list(_held.items()):
        if tuple(where) != place:
            continue
        if plain.execute(_STILL, (name, token)).fetchone() is None:
            raise LeaseLost(
                f"the lease {name!r} of this process ran out, and another process may "
                "hold it; what this one began must be begun anew"
            )
