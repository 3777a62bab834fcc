"""States of units in a SQLite file of their own.

Owns the file: one row an id, under a keyed hash of the id. The row of a person's oldest
id has the state; those of the other ids name it. See storage.units.Units.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from bandit_svc.domain.people.unit_state import (
    UnitState,
    decode_state,
    encode_state,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.people.state_marks import StateMarks
from bandit_svc.storage.units import NO_OVERSHOOT, Overshoot, UnitRows, Units

KEY_BYTES = 16
_STATE = b"S"
_LINK = b"L"
_FIND = "SELECT state FROM units WHERE key = ?"
_MAPPED_BYTES = 2**30
"""Of the file, which is read without a system call so far."""

_IN_ORDER = 1
"""The version of the file from which on states follow from facts in order."""
_EXISTS = "SELECT 1 FROM sqlite_schema WHERE name = ?"
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS units (key BLOB PRIMARY KEY, state BLOB NOT NULL)
        WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS place (one INTEGER PRIMARY KEY CHECK (one = 1),
        position INTEGER NOT NULL, links INTEGER NOT NULL);
    INSERT OR IGNORE INTO place VALUES (1, 0, 0);
    CREATE TABLE IF NOT EXISTS overshoot (programme TEXT NOT NULL, cap TEXT NOT NULL,
        n INTEGER NOT NULL, PRIMARY KEY (programme, cap)) WITHOUT ROWID;"""
_OVERSHOOT = (
    "SELECT programme, cap, n FROM overshoot WHERE n <> 0 ORDER BY programme, cap"
)


class SqliteUnits:
    """See storage.units.Units. Opens its file at first use; thread-safe."""

    def __init__(self, path: Path, secret: Callable[[], bytes]) -> None:
        """Describe the file.

        Args:
            path: of the file.
            secret: returns the service's, of which the key of the ids' hashes is made.
        """
        self._path = path
        self._database = Database(path, prepare=_prepare)
        self._secret = secret
        self._marks = StateMarks(path.with_name(f"{path.name}.marks"))
        self._read = False

    def state(self, unit_id: str) -> UnitState | None:
        """See the interface."""
        kept = self._marks.kept(unit_id)
        if kept is not None:
            return kept.state
        key = self._key(unit_id)
        number = self._marks.number(key)
        row = self._database.row(_FIND, (key,))
        if row is not None and row[0][:1] == _LINK:
            # What changes a person changes the rows of all their ids.
            row = self._database.row(_FIND, (row[0][1:],))
        state = None if row is None else decode_state(row[0][1:])
        self._marks.keep(unit_id, key, number, state)
        return state

    def must_be_read(self) -> bool:
        """See the interface."""
        if not self._read:
            # Ids that were linked stay so; who may grant consent again is read on.
            self._read = self._place("links") > 0
        return self._read

    def position(self) -> int:
        """See the interface."""
        return self._place("position")

    def are_in_order(self) -> bool:
        """See the interface."""
        row = self._database.row("PRAGMA user_version", ())
        return row is not None and row[0] >= _IN_ORDER

    def save(
        self,
        states: Iterable[UnitState],
        after: int,
        position: int,
        overshoot: Overshoot = NO_OVERSHOOT,
    ) -> bool:
        """See the interface."""
        rows: dict[bytes, bytes] = {}
        links = False
        for state in states:
            first, *others = (self._key(id_) for id_ in state.ids)
            rows[first] = _STATE + encode_state(state)
            rows |= dict.fromkeys(others, _LINK + first)
            links |= bool(others) or state.consent == "denied"
        with self._marks.changing(rows), self._database.write() as connection:
            moved = connection.execute(
                "UPDATE place SET position = ?, links = max(links, ?)"
                " WHERE position = ?",
                (position, links, after),
            ).rowcount
            if moved:
                connection.executemany(
                    "INSERT INTO units VALUES (?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET state = excluded.state",
                    # In the order of the key, so that neighbours are written together.
                    sorted(rows.items()),
                )
                _add_overshoot(connection, overshoot)
        return bool(moved)

    def overshoot(self) -> Overshoot:
        """See the interface."""
        with self._database.read() as connection:
            return _overshoot(connection)

    def last_seen_before(self, at_ms: int, limit: int) -> list[UnitState]:
        """See the interface."""
        found: list[UnitState] = []
        with self._database.read() as connection:
            for (stored,) in connection.execute("SELECT state FROM units"):
                if stored[:1] == _LINK:
                    continue
                state = decode_state(stored[1:])
                if state.last_ms < at_ms and state.consent != "denied":
                    found.append(state)
                    if len(found) == limit:
                        break
        return found

    def forget(self, ids: Iterable[str]) -> int:
        """See the interface."""
        keys = [self._key(id_) for id_ in ids]
        with self._marks.changing(keys), self._database.write() as connection:
            return sum(
                connection.execute("DELETE FROM units WHERE key = ?", (key,)).rowcount
                for key in keys
            )

    def scrub(self, beat: Callable[[], None]) -> bool:
        """See the interface."""
        return self._database.scrub(beat)

    @contextmanager
    def snapshot(self) -> Iterator[UnitRows]:
        """See the interface."""
        with self._database.read() as connection:
            (position,) = connection.execute("SELECT position FROM place").fetchone()
            yield UnitRows(
                position,
                connection.execute("SELECT key, state FROM units ORDER BY key"),
                _overshoot(connection),
            )

    def replace(self, rows: UnitRows) -> None:
        """See the interface."""
        with self._marks.changing(), self._database.write() as connection:
            connection.execute("DELETE FROM units")
            connection.executemany("INSERT INTO units VALUES (?, ?)", rows.rows)
            connection.execute(
                "UPDATE place SET position = ?, links = CASE WHEN EXISTS"
                # A state that has the word elsewhere is read once too often.
                " (SELECT 1 FROM units WHERE substr(state, 1, 1) = ?"
                "  OR instr(state, ?)) THEN 1 ELSE 0 END",
                (rows.position, _LINK, b"denied"),
            )
            connection.execute("DELETE FROM overshoot")
            self._mark_order(connection)
            _add_overshoot(connection, rows.overshoot)

    @contextmanager
    def empty(self) -> Iterator[Units]:
        """See the interface."""
        with TemporaryDirectory(dir=self._path.parent, prefix="units-") as folder:
            fresh = SqliteUnits(Path(folder) / self._path.name, self._secret)
            try:
                yield fresh
            finally:
                fresh.close()

    def close(self) -> None:
        """See the interface."""
        self._database.close()
        self._marks.close()

    def _mark_order(self, connection: sqlite3.Connection) -> None:
        """Keep that the states follow from facts in the order of their receipt."""
        connection.execute(f"PRAGMA user_version = {_IN_ORDER}")

    def _place(self, column: str) -> int:
        row = self._database.row(f"SELECT {column} FROM place", ())  # noqa: S608 - our own name
        return 0 if row is None else int(row[0])

    def _key(self, unit_id: str) -> bytes:
        hashing = self._keyed.copy()
        hashing.update(unit_id.encode("utf-8", "surrogatepass"))
        return hashing.digest()

    @cached_property
    def _keyed(self) -> hashlib.blake2b:
        key = hashlib.blake2b(self._secret(), digest_size=32, person=b"unit state")
        return hashlib.blake2b(digest_size=KEY_BYTES, key=key.digest())


def _overshoot(connection: sqlite3.Connection) -> Overshoot:
    rows = connection.execute(_OVERSHOOT).fetchall()
    return {(programme, cap): n for programme, cap, n in rows}


def _add_overshoot(connection: sqlite3.Connection, overshoot: Overshoot) -> None:
    connection.executemany(
        "INSERT INTO overshoot VALUES (?, ?, ?) ON CONFLICT (programme, cap)"
        " DO UPDATE SET n = n + excluded.n",
        [(*cap, n) for cap, n in overshoot.items()],
    )


def _prepare(connection: sqlite3.Connection) -> None:
    # What the loss of power takes is derived again from the facts.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
    if not connection.execute(_EXISTS, ("overshoot",)).fetchone():
        is_new = not connection.execute(_EXISTS, ("units",)).fetchone()
        connection.executescript(_SCHEMA)
        if is_new:
            connection.execute(f"PRAGMA user_version = {_IN_ORDER}")
