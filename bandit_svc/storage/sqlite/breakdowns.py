"""Sums by time, segment and latency, as a report reads them from SQLite.

Owns the reading alone; see storage.interface.Breakdowns. The writing is in
history.py, segments.py and latencies.py, inside the transactions of joins and facts.
"""

from bandit_svc.storage.rows import HistoryRow, LatencyRow, SegmentRow
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.history import width_of


class SqliteBreakdowns:
    """See storage.interface.Breakdowns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, number: int) -> list[HistoryRow]:
        """See the interface."""
        with self._database.read() as connection:
            width_ms = width_of(connection, number)
            rows = connection.execute(
                "SELECT bucket, grp, variant, n, total, total_squares FROM history"
                " WHERE number = ? ORDER BY bucket, grp, variant",
                [number],
            ).fetchall()
        return [
            HistoryRow(bucket * width_ms, (bucket + 1) * width_ms, *rest)
            for bucket, *rest in rows
        ]

    def segments(self, number: int) -> list[SegmentRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT key, value, grp, n, total, total_squares FROM segments"
                " WHERE number = ? ORDER BY key, value, grp",
                [number],
            ).fetchall()
        return [SegmentRow(*row) for row in rows]

    def latencies(self, number: int) -> list[LatencyRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT bin, counted, late FROM latencies WHERE number = ?"
                " ORDER BY bin",
                [number],
            ).fetchall()
        return [LatencyRow(*row) for row in rows]
