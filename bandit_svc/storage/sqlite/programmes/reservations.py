"""Places under strict caps, in a SQLite file of their own.

Owns the file: which ids are one person, under a keyed hash of each, and the places that
persons have taken. Every write is durable when it returns; the kernel ends a holding
with the process. See storage.programmes.reservations.Reservations.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.programmes.caps import MAX_PER_DAYS
from bandit_svc.storage.programmes.reservations import Place
from bandit_svc.storage.sqlite.database import Database

KEY_BYTES: Final = 16
CAP_BYTES: Final = 8
SLACK_MS: Final = 60_000
"""After the last moment at which a decision may be activated its place stays taken for
so long: whoever has checked the time before it was over may still write."""
KEPT_MS: Final = (MAX_PER_DAYS + 1) * DAY_MS

BUSY_MS: Final = 2_000

_EXISTS: Final = "SELECT 1 FROM sqlite_schema WHERE name = 'places_by_time'"
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS persons (id BLOB PRIMARY KEY, person BLOB NOT NULL)
        WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS ids_by_person ON persons (person);
    CREATE TABLE IF NOT EXISTS places (person BLOB NOT NULL, cap BLOB NOT NULL,
        decision TEXT NOT NULL, at_ms INTEGER NOT NULL, until_ms INTEGER,
        PRIMARY KEY (person, cap, decision)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS places_by_decision ON places (decision);
    CREATE INDEX IF NOT EXISTS places_by_time ON places (at_ms);"""
_PERSON: Final = "SELECT person FROM persons WHERE id = ?"
_USED: Final = """SELECT count(*) FROM places WHERE person = ? AND cap = ?
    AND at_ms > ? AND (until_ms IS NULL OR until_ms + ? >= ?)"""


class SqliteReservations:
    """See the interface. Opens its file at first use; thread-safe."""

    def __init__(self, path: Path, secret: Callable[[], bytes]) -> None:
        """Describe the file.

        Args:
            path: of the file.
            secret: returns the service's, of which the key of the ids' hashes is made.
        """
        self._path = path
        self._database = Database(path, prepare=_prepare)
        self._secret = secret

    def used(
        self, ids: Sequence[str], since: Sequence[tuple[str, int]], now_ms: int
    ) -> Sequence[int] | None:
        """See the interface."""
        persons: set[bytes] = set()
        for key in map(self._key, ids):
            row = self._database.row(_PERSON, (key,))
            persons.add(key if row is None else row[0])
        if len(persons) > 1:
            return None
        (person,) = persons
        used: list[int] = []
        for trail, from_ms in since:
            row = self._database.row(
                _USED, (person, _cap_key(trail), from_ms, SLACK_MS, now_ms)
            )
            used.append(0 if row is None else int(row[0]))
        return used

    @contextmanager
    def holding(self, ids: Sequence[str]) -> Iterator["HeldPlaces"]:
        """See the interface."""
        keys = sorted(map(self._key, ids))
        with self._database.write() as connection:
            yield HeldPlaces(connection, _one_person(connection, keys))

    def link(self, ids: Sequence[str]) -> None:
        """See the interface."""
        if self._is_there() and self.used(ids, (), 0) is None:
            with self.holding(ids):
                pass

    def confirm(self, decision_id: str, now_ms: int) -> bool:
        """See the interface."""
        # Of most decisions there is none, and nothing is written.
        find = "SELECT until_ms FROM places WHERE decision = ? AND until_ms IS NOT NULL"
        if self._database.row(find, (decision_id,)) is None:
            return True
        with self._database.write() as connection:
            kept = connection.execute(
                "UPDATE places SET until_ms = NULL"
                " WHERE decision = ? AND until_ms >= ?",
                (decision_id, now_ms),
            ).rowcount
            left = connection.execute(find, (decision_id,)).fetchone()
        return kept > 0 or left is None

    def free(self, decision_id: str) -> None:
        """See the interface."""
        find = "SELECT 1 FROM places WHERE decision = ?"
        if self._database.row(find, (decision_id,)) is None:
            return
        with self._database.write() as connection:
            connection.execute("DELETE FROM places WHERE decision = ?", (decision_id,))

    def forget(self, ids: Iterable[str]) -> int:
        """See the interface."""
        gone = 0
        if not self._is_there():
            return gone
        with self._database.write() as connection:
            for key in map(self._key, ids):
                row = connection.execute(_PERSON, (key,)).fetchone()
                person = key if row is None else row[0]
                for sql in (
                    "DELETE FROM places WHERE person = ?",
                    "DELETE FROM persons WHERE person = ?",
                ):
                    gone += connection.execute(sql, (person,)).rowcount
        return gone

    def scrub(self, beat: Callable[[], None]) -> bool:
        """See the interface."""
        return not self._is_there() or self._database.scrub(beat)

    def close(self) -> None:
        """See the interface."""
        self._database.close()

    def _is_there(self) -> bool:
        """Return whether any place may have been taken."""
        return self._path.exists()

    def _key(self, unit_id: str) -> bytes:
        hashing = self._keyed.copy()
        hashing.update(unit_id.encode("utf-8", "surrogatepass"))
        return hashing.digest()

    @cached_property
    def _keyed(self) -> hashlib.blake2b:
        key = hashlib.blake2b(self._secret(), digest_size=32, person=b"strict caps")
        return hashlib.blake2b(digest_size=KEY_BYTES, key=key.digest())


class HeldPlaces:
    """See storage.programmes.reservations.Held; inside one transaction."""

    def __init__(self, connection: sqlite3.Connection, person: bytes) -> None:
        self._connection = connection
        self._person = person

    def used(self, trail: str, from_ms: int, now_ms: int) -> int:
        """See the interface."""
        (count,) = self._connection.execute(
            _USED, (self._person, _cap_key(trail), from_ms, SLACK_MS, now_ms)
        ).fetchone()
        return int(count)

    def take(self, places: Iterable[Place]) -> None:
        """See the interface."""
        for place in places:
            self._connection.execute(
                "DELETE FROM places WHERE at_ms < ?", (place.at_ms - KEPT_MS,)
            )
            self._connection.execute(
                "INSERT INTO places VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (person, cap, decision) DO NOTHING",
                (
                    self._person,
                    _cap_key(place.trail),
                    place.decision_id,
                    place.at_ms,
                    place.until_ms,
                ),
            )


def _one_person(connection: sqlite3.Connection, keys: Sequence[bytes]) -> bytes:
    """Make one person of some ids, with all that was linked to any of them before."""
    persons: set[bytes] = set()
    unknown: list[bytes] = []
    for key in keys:
        row = connection.execute(_PERSON, (key,)).fetchone()
        persons.add(key if row is None else row[0])
        if row is None:
            unknown.append(key)
    person = min(persons)
    if len(keys) > 1:
        connection.executemany(
            "INSERT INTO persons VALUES (?, ?)", [(key, person) for key in unknown]
        )
    for other in persons - {person}:
        connection.execute(
            "UPDATE persons SET person = ? WHERE person = ?", (person, other)
        )
        # One decision has one place, whichever of the two persons it named.
        connection.execute(
            "DELETE FROM places WHERE person = ?1 AND EXISTS (SELECT 1 FROM places AS p"
            " WHERE p.person = ?2 AND p.cap = places.cap"
            "  AND p.decision = places.decision)",
            (person, other),
        )
        connection.execute(
            "UPDATE places SET person = ? WHERE person = ?", (person, other)
        )
    return person


def _cap_key(trail: str) -> bytes:
    return hashlib.blake2b(
        trail.encode("utf-8", "surrogatepass"), digest_size=CAP_BYTES, person=b"cap"
    ).digest()


def _prepare(connection: sqlite3.Connection) -> None:
    # A request waits no longer for others; it then shows nothing that is capped.
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    if not connection.execute(_EXISTS).fetchone():
        connection.executescript(_SCHEMA)
