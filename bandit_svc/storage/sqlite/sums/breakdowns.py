"""Sums by time and latency, as a report reads them from SQLite.

Owns the reading alone; see storage.breakdowns.Breakdowns. The writing is in
history.py, drift.py, latencies.py, groups.py and calibration.py, inside the
transactions of joins and facts.
"""

from collections import defaultdict

from bandit_svc.storage.rows import (
    CalibrationRow,
    DriftRow,
    HistoryRow,
    LatencyRow,
    UnitRow,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.sums.calibration import calibration_widths
from bandit_svc.storage.sqlite.sums.history import widths_of


class SqliteBreakdowns:
    """See storage.breakdowns.Breakdowns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, number: int) -> list[HistoryRow]:
        """See the interface."""
        with self._database.read() as connection:
            width_ms = widths_of(connection, [number])[number]
            rows = connection.execute(
                "SELECT bucket, grp, variant, n, total, total_squares, rewarded"
                " FROM sound_history WHERE number = ? ORDER BY bucket, grp, variant",
                [number],
            ).fetchall()
        return [
            HistoryRow(bucket * width_ms, (bucket + 1) * width_ms, *rest)
            for bucket, *rest in rows
        ]

    def latencies(self, number: int) -> list[LatencyRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT bin, counted, late FROM sound_latencies WHERE number = ?"
                " ORDER BY bin",
                [number],
            ).fetchall()
        return [LatencyRow(*row) for row in rows]

    def units(self, number: int) -> list[UnitRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT since, treatment, baseline, 1 FROM sound_unit_looks"
                " WHERE number = ?1"
                " UNION ALL SELECT since, treatment, baseline, 0 FROM sound_unit_counts"
                " WHERE number = ?1 ORDER BY 1, 2, 3, 4 DESC",
                [number],
            ).fetchall()
        return [
            UnitRow(since, treatment, baseline, looked=bool(looked))
            for since, treatment, baseline, looked in rows
        ]

    def calibration(self, number: int) -> list[CalibrationRow]:
        """See the interface."""
        with self._database.read() as connection:
            width = calibration_widths(connection, [number])[number]
            rows = connection.execute(
                "SELECT block, bin, n, expected, variance, happened"
                " FROM sound_calibration WHERE number = ? ORDER BY block, bin",
                [number],
            ).fetchall()
        return [CalibrationRow(block, width, *rest) for block, *rest in rows]

    def drift(self, number: int) -> list[DriftRow]:
        """See the interface."""
        with self._database.read() as connection:
            stretches = connection.execute(
                "SELECT begins, begins_at_ms, n FROM sound_drift_stretches"
                " WHERE number = ? ORDER BY begins",
                [number],
            ).fetchall()
            present: dict[int, defaultdict[str, dict[str, int]]] = {
                begins: defaultdict(dict) for begins, _, _ in stretches
            }
            for begins, key, value, n in connection.execute(
                "SELECT begins, key, value, n FROM sound_drift WHERE number = ?",
                [number],
            ):
                present[begins][key][value] = n
        return [DriftRow(at_ms, n, present[begins]) for begins, at_ms, n in stretches]
