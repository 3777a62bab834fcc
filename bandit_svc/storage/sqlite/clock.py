"""The agreed time in SQLite.

Owns the row `clock` of the table meta; see storage.clock.Clock.
"""

import msgspec

from bandit_svc.domain.clock_guard import KeptClock
from bandit_svc.storage.sqlite.database import Database


class SqliteClock:
    """See storage.clock.Clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def kept(self) -> KeptClock | None:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT value FROM sound_meta WHERE name = 'clock'"
            ).fetchone()
        if row is None:
            return None
        try:
            return msgspec.json.decode(row[0], type=KeptClock)
        except msgspec.DecodeError:
            # Without it the wall clock is believed, as at the first start.
            return None

    def keep(self, kept: KeptClock) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES ('clock', ?, NULL)",
                [msgspec.json.encode(kept).decode()],
            )
