"""Sources of webhooks in SQLite.

Owns the table webhook_sources; see storage.doors.sources.
"""

import msgspec
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.errors import Conflict, NotFound
from bandit_svc.storage.doors.sources import SourceRow
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows
from bandit_svc.storage.sqlite.version_file import VersionFile


def create_sources(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE webhook_sources (name TEXT PRIMARY KEY, source TEXT NOT NULL)"
        " WITHOUT ROWID"
    )
    check_rows(db, "webhook_sources")


class SqliteSources:
    """See storage.doors.sources.Sources."""

    def __init__(self, database: Database, version_file: VersionFile) -> None:
        self._database = database
        self._version_file = version_file

    def add(self, row: SourceRow) -> None:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            added = connection.execute(
                "INSERT INTO webhook_sources (name, source) VALUES (?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                [row.name, _text(row)],
            ).rowcount
        if not added:
            raise Conflict(
                f"there is a source {row.name!r} already; choose another name, or "
                f"`bandit-svc webhook remove {row.name}` first"
            )

    def all(self) -> list[SourceRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT source FROM sound_webhook_sources ORDER BY name"
            ).fetchall()
        return [_source(text) for (text,) in rows]

    def get(self, name: str) -> SourceRow:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT source FROM sound_webhook_sources WHERE name = ?", [name]
            ).fetchone()
        if row is None:
            raise _unknown(name)
        return _source(row[0])

    def replace(self, row: SourceRow) -> None:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            known = connection.execute(
                "UPDATE webhook_sources SET source = ? WHERE name = ?",
                [_text(row), row.name],
            ).rowcount
        if not known:
            raise _unknown(row.name)

    def remove(self, name: str) -> None:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            known = connection.execute(
                "DELETE FROM webhook_sources WHERE name = ?", [name]
            ).rowcount
        if not known:
            raise _unknown(name)


def _text(row: SourceRow) -> str:
    return msgspec.json.encode(row).decode()


def _source(text: str) -> SourceRow:
    return msgspec.json.decode(text, type=SourceRow)


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"there is no source {name[:64]!r}; `bandit-svc webhook list` shows those that "
        "there are"
    )
