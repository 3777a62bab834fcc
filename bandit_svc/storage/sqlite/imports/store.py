"""Imported decisions in SQLite; see storage.imports.kept.Imports."""

from collections.abc import Sequence

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import BEFORE_IMPORTS
from bandit_svc.storage.imports.kept import ImportedChoice, ImportedFile
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.experiments import SqliteExperiments, add_revision
from bandit_svc.storage.sqlite.version_file import VersionFile

_FORGET = """
    DELETE FROM imported_decisions WHERE number = ?1 AND position IN (
        SELECT position FROM imported_decisions WHERE number = ?1 AND position > ?2
        LIMIT 10000)"""
_encode = msgspec.json.Encoder().encode


class SqliteImports:
    """See storage.imports.kept.Imports."""

    def __init__(
        self,
        database: Database,
        version_file: VersionFile,
        experiments: SqliteExperiments,
    ) -> None:
        self._database = database
        self._version_file = version_file
        self._experiments = experiments

    def last_position(self, number: int) -> int:
        """See the interface."""
        row = self._database.row(
            "SELECT max(last) FROM imported_files WHERE number = ?", (number,)
        )
        return BEFORE_IMPORTS if row is None or row[0] is None else int(row[0])

    def files(self, number: int) -> list[ImportedFile]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name, sha256, decisions, last, imported_at_ms"
                " FROM sound_imported_files WHERE number = ? ORDER BY last",
                (number,),
            ).fetchall()
        return [ImportedFile(*row) for row in rows]

    def begin(self, number: int) -> int:
        """See the interface."""
        last = self.last_position(number)
        while True:
            with self._database.write() as connection:
                if not connection.execute(_FORGET, (number, last)).rowcount:
                    return last

    def add(
        self, number: int, position: int, choices: Sequence[ImportedChoice]
    ) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO imported_decisions (number, position, body)"
                " VALUES (?, ?, ?)",
                [
                    (number, place, _encode(choice))
                    for place, choice in enumerate(choices, position + 1)
                ],
            )

    def complete(
        self, experiment: Experiment, file: ImportedFile, note: str
    ) -> Experiment:
        """See the interface."""
        definition = experiment.definition
        with self._version_file.changing(), self._database.write() as connection:
            connection.execute(
                "INSERT INTO imported_files (number, last, name, sha256, decisions,"
                " imported_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    experiment.number,
                    file.last,
                    file.name,
                    file.sha256,
                    file.decisions,
                    file.imported_at_ms,
                ),
            )
            add_revision(connection, experiment, definition, file.imported_at_ms, note)
        return self._experiments.get(definition.key)
