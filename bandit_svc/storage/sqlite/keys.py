"""API keys in SQLite.

Owns the table keys; see storage.interface.Keys.
"""

from bandit_svc.errors import NotFound
from bandit_svc.storage.rows import KeyRow
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.version_file import VersionFile

_SELECT = "SELECT id, scope, sha256, created_at_ms, revoked_at_ms FROM sound_keys"


class SqliteKeys:
    """See storage.interface.Keys."""

    def __init__(self, database: Database, version_file: VersionFile) -> None:
        self._database = database
        self._version_file = version_file

    def add(self, row: KeyRow) -> None:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            connection.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)",
                [row.id, row.scope, row.sha256, row.created_at_ms, row.revoked_at_ms],
            )

    def all(self) -> list[KeyRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY created_at_ms, id")
            return [KeyRow(*row) for row in rows.fetchall()]

    def get(self, key_id: str) -> KeyRow | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ?", [key_id]).fetchone()
        return None if row is None else KeyRow(*row)

    def revoke(self, key_id: str, now_ms: int) -> None:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            known = connection.execute(
                "UPDATE keys SET revoked_at_ms = coalesce(revoked_at_ms, ?)"
                " WHERE id = ?",
                [now_ms, key_id],
            ).rowcount
        if not known:
            raise NotFound(
                f"there is no key {key_id[:64]!r}; `bandit-svc keys list` shows the ids"
            )
