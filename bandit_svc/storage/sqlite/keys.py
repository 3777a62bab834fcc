"""API keys and ended sessions in SQLite.

Owns the tables keys, key_uses and ended_sessions; see storage.keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bandit_svc.errors import NotFound
from bandit_svc.storage.keys import KeyRow
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.version_file import VersionFile

_SELECT = (
    "SELECT id, scope, sha256, created_at_ms, revoked_at_ms, experiments, origins,"
    " expires_at_ms, used_at_ms FROM sound_keys LEFT JOIN sound_key_uses USING (id)"
)


class SqliteKeys:
    """See storage.keys.Keys."""

    def __init__(self, database: Database, version_file: VersionFile) -> None:
        self._database = database
        self._version_file = version_file

    def add(self, row: KeyRow) -> None:
        """See the interface."""
        with self._version_file.changing(), self._database.write() as connection:
            connection.execute(
                "INSERT INTO keys (id, scope, sha256, created_at_ms, revoked_at_ms,"
                " experiments, origins, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    *(row.id, row.scope, row.sha256, row.created_at_ms),
                    row.revoked_at_ms,
                    *(_text(row.experiments), _text(row.origins), row.expires_at_ms),
                ],
            )

    def all(self) -> list[KeyRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(f"{_SELECT} ORDER BY created_at_ms, id")
            return [_key(row) for row in rows.fetchall()]

    def get(self, key_id: str) -> KeyRow | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(f"{_SELECT} WHERE id = ?", [key_id]).fetchone()
        return None if row is None else _key(row)

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

    def used(self, at_ms: Mapping[str, int]) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT INTO key_uses (id, used_at_ms) VALUES (?, ?) ON CONFLICT (id)"
                " DO UPDATE SET used_at_ms = max(used_at_ms, excluded.used_at_ms)",
                sorted(at_ms.items()),
            )


class SqliteEndedSessions:
    """See storage.keys.EndedSessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self, session: str, expires_at_ms: int, now_ms: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM ended_sessions WHERE expires_at_ms <= ?", [now_ms]
            )
            connection.execute(
                "INSERT OR IGNORE INTO ended_sessions (session, expires_at_ms)"
                " VALUES (?, ?)",
                [session, expires_at_ms],
            )

    def has(self, session: str) -> bool:
        """See the interface."""
        # Not the view of sound rows: a damaged one must not begin the session again.
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM ended_sessions WHERE session = ?", [session]
            ).fetchone()
        return row is not None


def _text(names: tuple[str, ...]) -> str:
    return msgspec.json.encode(names).decode()


def _key(row: Sequence[Any]) -> KeyRow:
    key_id, scope, sha256, created_at_ms, revoked_at_ms, *rest = row
    experiments, origins, expires_at_ms, used_at_ms = rest
    return KeyRow(
        key_id,
        scope,
        sha256,
        created_at_ms,
        revoked_at_ms,
        experiments=msgspec.json.decode(experiments, type=tuple[str, ...]),
        origins=msgspec.json.decode(origins, type=tuple[str, ...]),
        expires_at_ms=expires_at_ms,
        last_used_at_ms=used_at_ms,
    )
