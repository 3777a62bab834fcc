"""The newest total of each reward that a source has corrected, in SQLite.

Owns the table webhook_totals; see storage.doors.corrected.
"""

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.doors.total_names import REWARD_BYTES
from bandit_svc.storage.doors.corrected import KEPT_MS, Total
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.checksums import check_rows

_FORGOTTEN_AT_ONCE = 100


def create_totals(db: UtilsDatabase) -> None:
    """Create the table, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE webhook_totals (reward BLOB PRIMARY KEY, rank REAL NOT NULL,"
        " delivery TEXT NOT NULL, value REAL NOT NULL, at_ms INTEGER NOT NULL)"
        " WITHOUT ROWID"
    )
    db.execute("CREATE INDEX webhook_totals_by_age ON webhook_totals (at_ms)")
    check_rows(db, "webhook_totals")


class SqliteCorrected:
    """See storage.doors.corrected.Corrected."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, reward: bytes, total: Total, now_ms: int) -> Total:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM webhook_totals WHERE reward IN (SELECT reward"
                " FROM webhook_totals WHERE at_ms < ? ORDER BY at_ms LIMIT ?)",
                [now_ms - KEPT_MS, _FORGOTTEN_AT_ONCE],
            )
            row = connection.execute(
                "SELECT rank, delivery, value FROM sound_webhook_totals"
                " WHERE reward = ?",
                [reward],
            ).fetchone()
            newest = max(total, Total(*row)) if row else total
            if newest == total:
                connection.execute(
                    "INSERT OR REPLACE INTO webhook_totals"
                    " (reward, rank, delivery, value, at_ms) VALUES (?, ?, ?, ?, ?)",
                    [reward, *total, now_ms],
                )
        return newest

    def forget(self, name: bytes) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM webhook_totals WHERE reward BETWEEN ? AND ?",
                [name, name + b"\xff" * REWARD_BYTES],
            )
