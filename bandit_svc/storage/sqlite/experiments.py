"""Experiments and their revisions in SQLite.

Owns the tables experiments and revisions; see storage.control.experiments.Experiments.
"""

import sqlite3
from typing import Any

import msgspec

from bandit_svc.domain.experiment import Definition, Experiment, unknown_experiment
from bandit_svc.errors import Conflict, Unavailable, WayOut
from bandit_svc.storage.rows import Revision
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.version_file import VersionFile

_COLUMNS = "number, revision, salt, created_at_ms, revised_at_ms, definition"
_ADD_REVISION = (
    "INSERT INTO revisions (number, revision, revised_at_ms, definition, note)"
    " VALUES (?, ?, ?, ?, ?)"
)


class SqliteExperiments:
    """See storage.control.experiments.Experiments."""

    def __init__(self, database: Database, version_file: VersionFile) -> None:
        self._database = database
        self._version_file = version_file

    def create(self, definition: Definition, salt: str, now_ms: int) -> Experiment:
        """See the interface."""
        encoded = msgspec.json.encode(definition).decode()
        with self._version_file.changing(), self._database.write() as connection:
            taken = connection.execute(
                "SELECT 1 FROM experiments WHERE key = ?", [definition.key]
            ).fetchone()
            if taken:
                raise Conflict(
                    f"an experiment {definition.key!r} exists already",
                    way_out=WayOut(
                        api="change it with PATCH, or choose another key",
                        command="choose another key",
                        page="change it on its page, or choose another key",
                    ),
                )
            (number,) = connection.execute(
                "INSERT INTO experiments (key, revision, salt, created_at_ms,"
                " revised_at_ms, definition) VALUES (?, 1, ?, ?, ?, ?)"
                " RETURNING number",
                [definition.key, salt, now_ms, now_ms, encoded],
            ).fetchone()
            connection.execute(_ADD_REVISION, [number, 1, now_ms, encoded, ""])
        return self.get(definition.key)

    def revise(
        self,
        experiment: Experiment,
        definition: Definition,
        now_ms: int,
        note: str = "",
    ) -> Experiment:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            add_revision(connection, experiment, definition, now_ms, note)
        return self.get(definition.key)

    def get(self, key: str) -> Experiment:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM sound_experiments WHERE key = ?",  # noqa: S608 - a constant
                [key],
            ).fetchone()
            known = connection.execute(
                "SELECT 1 FROM experiments WHERE key = ?", [key]
            ).fetchone()
        if row is None and known is not None:
            raise Unavailable(
                f"the row of experiment {key!r} in the store does not fit its "
                "checksum; restore the data folder from a copy"
            )
        if row is None:
            raise unknown_experiment(key)
        return _experiment(row)

    def all(self) -> list[Experiment]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM sound_experiments ORDER BY number"  # noqa: S608 - a constant
            ).fetchall()
        return [_experiment(row) for row in rows]

    def revisions(self, number: int) -> list[Revision]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT revision, revised_at_ms, definition, note FROM sound_revisions"
                " WHERE number = ? ORDER BY revision",
                [number],
            ).fetchall()
        return [
            Revision(revision, revised_at_ms, msgspec.json.decode(definition), note)
            for revision, revised_at_ms, definition, note in rows
        ]

    def at_revision(self, number: int, revision: int) -> Definition | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT definition FROM sound_revisions"
                " WHERE number = ?1 AND revision = ?2"
                # The current one is kept a second time, with its experiment.
                " UNION ALL SELECT definition FROM sound_experiments"
                " WHERE number = ?1 AND revision = ?2 LIMIT 1",
                [number, revision],
            ).fetchone()
        return None if row is None else _definition(row[0])

    def numbered(self, number: int) -> Experiment | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM sound_experiments WHERE number = ?",  # noqa: S608 - a constant
                [number],
            ).fetchone()
        return None if row is None else _experiment(row)

    def version(self) -> int:
        """See the interface."""
        return self._version_file.read()

    def look(self) -> None:
        """See the interface."""
        self._version_file.look()

    def missed(self) -> None:
        """See the interface."""
        self._version_file.missed()


def add_revision(
    connection: sqlite3.Connection,
    experiment: Experiment,
    definition: Definition,
    now_ms: int,
    note: str,
) -> None:
    """Store the next revision, in the caller's transaction.

    Raises:
        Conflict: somebody revised it since `experiment` was read.
    """
    encoded = msgspec.json.encode(definition).decode()
    revision = experiment.revision + 1
    changed = connection.execute(
        "UPDATE experiments SET revision = ?, revised_at_ms = ?,"
        " definition = ? WHERE number = ? AND revision = ?",
        [revision, now_ms, encoded, experiment.number, experiment.revision],
    ).rowcount
    if not changed:
        raise Conflict(
            f"experiment {experiment.key!r} was changed by somebody else after "
            f"revision {experiment.revision}; read it again and repeat"
        )
    connection.execute(
        _ADD_REVISION, [experiment.number, revision, now_ms, encoded, note]
    )


def _experiment(row: tuple[Any, ...]) -> Experiment:
    number, revision, salt, created_at_ms, revised_at_ms, definition = row
    return Experiment(
        number=number,
        revision=revision,
        salt=salt,
        created_at_ms=created_at_ms,
        revised_at_ms=revised_at_ms,
        definition=_definition(definition),
    )


def _definition(encoded: str) -> Definition:
    return msgspec.json.decode(encoded, type=Definition)
