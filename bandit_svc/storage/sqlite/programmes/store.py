"""Programmes and their revisions in SQLite.

Owns the table programmes; see storage.programmes.programmes.
"""

from typing import Any

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.programmes.programme import (
    Programme,
    ProgrammeDefinition,
    unknown_programme,
)
from bandit_svc.errors import Conflict
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.version_file import VersionFile

_ROW = """
    SELECT number, revision, salt, created_at_ms, revised_at_ms, definition
    FROM sound_programmes"""
_NEWEST = (
    "revision = (SELECT max(revision) FROM programmes p"
    " WHERE p.number = sound_programmes.number)"
)
_ADD = """
    INSERT INTO programmes
    (number, revision, key, salt, created_at_ms, revised_at_ms, definition)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""


def create_programmes(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        """CREATE TABLE programmes (
            number INTEGER NOT NULL, revision INTEGER NOT NULL, key TEXT NOT NULL,
            salt TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
            revised_at_ms INTEGER NOT NULL, definition TEXT NOT NULL,
            PRIMARY KEY (number, revision)) WITHOUT ROWID"""
    )
    check_rows(db, "programmes")


class SqliteProgrammes:
    """See storage.programmes.programmes.Programmes."""

    def __init__(self, database: Database, version_file: VersionFile) -> None:
        self._database = database
        self._version_file = version_file

    def create(
        self, definition: ProgrammeDefinition, salt: str, now_ms: int
    ) -> Programme:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            taken = connection.execute(
                "SELECT 1 FROM programmes WHERE key = ?", [definition.key]
            ).fetchone()
            if taken:
                raise Conflict(
                    f"a programme {definition.key!r} exists already; change it with "
                    "PATCH, or choose another key"
                )
            (number,) = connection.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM programmes"
            ).fetchone()
            made = Programme(number, 1, salt, now_ms, now_ms, definition)
            connection.execute(_ADD, _values(made))
        return made

    def revise(
        self, programme: Programme, definition: ProgrammeDefinition, now_ms: int
    ) -> Programme:
        """See the interface."""
        revised = msgspec.structs.replace(
            programme,
            revision=programme.revision + 1,
            revised_at_ms=now_ms,
            definition=definition,
        )
        with self._version_file.changing(), self._database.write() as connection:
            added = connection.execute(
                f"{_ADD} ON CONFLICT (number, revision) DO NOTHING", _values(revised)
            ).rowcount
        if not added:
            raise Conflict(
                f"programme {programme.key!r} was changed by somebody else after "
                f"revision {programme.revision}; read it again and repeat"
            )
        return revised

    def get(self, key: str) -> Programme:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                f"{_ROW} WHERE key = ? AND {_NEWEST}",
                [key],
            ).fetchone()
        if row is None:
            raise unknown_programme(key)
        return _programme(row)

    def all(self) -> list[Programme]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"{_ROW} WHERE {_NEWEST} ORDER BY number"
            ).fetchall()
        return [_programme(row) for row in rows]

    def revisions(self, number: int) -> list[Programme]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"{_ROW} WHERE number = ? ORDER BY revision",
                [number],
            ).fetchall()
        return [_programme(row) for row in rows]


def _values(programme: Programme) -> list[Any]:
    return [
        programme.number,
        programme.revision,
        programme.key,
        programme.salt,
        programme.created_at_ms,
        programme.revised_at_ms,
        msgspec.json.encode(programme.definition).decode(),
    ]


def _programme(row: tuple[Any, ...]) -> Programme:
    number, revision, salt, created_at_ms, revised_at_ms, definition = row
    return Programme(
        number=number,
        revision=revision,
        salt=salt,
        created_at_ms=created_at_ms,
        revised_at_ms=revised_at_ms,
        definition=msgspec.json.decode(definition, type=ProgrammeDefinition),
    )
