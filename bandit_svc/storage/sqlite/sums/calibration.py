"""Sums of logged chances and of outcomes, by model version and size of the chance.

Owns the tables calibration and calibration_widths, and the rule that keeps them
small: MAX_BLOCKS blocks of model versions an experiment. When a version lies behind
the last one, blocks become twice as wide and neighbours are added up. The caller owns
the transaction.
"""

import sqlite3
from collections.abc import Iterable

from bandit_svc.storage.rows import VersionSums

MAX_BLOCKS = 16


def add_calibration(
    connection: sqlite3.Connection, sums: Iterable[VersionSums]
) -> None:
    """Add sums of single versions to their blocks."""
    by_number: dict[int, list[VersionSums]] = {}
    for one in sums:
        by_number.setdefault(one.number, []).append(one)
    for number, mine in by_number.items():
        newest = max(one.version for one in mine)
        width = _widened(connection, number, newest)
        connection.executemany(
            _ADD,
            [
                (number, one.version // width, one.bin, *one[3:])
                for one in mine
            ],
        )  # fmt: skip


def calibration_width(connection: sqlite3.Connection, number: int) -> int:
    """Return the number of model versions in a block."""
    (width,) = connection.execute(
        "SELECT width FROM sound_calibration_widths WHERE number = ?", (number,)
    ).fetchone() or (1,)
    return int(width)


_ADD = (
    "INSERT INTO calibration VALUES (?, ?, ?, ?, ?, ?, ?, NULL)"
    " ON CONFLICT (number, block, bin) DO UPDATE SET n = n + excluded.n,"
    " expected = expected + excluded.expected,"
    " variance = variance + excluded.variance, happened = happened + excluded.happened"
)


def _widened(connection: sqlite3.Connection, number: int, newest: int) -> int:
    width = calibration_width(connection, number)
    factor = 1
    while newest // (width * factor) >= MAX_BLOCKS:
        factor *= 2
    if factor == 1:
        return width
    merged = connection.execute(
        "SELECT number, block / ?, bin, sum(n), sum(expected), sum(variance),"
        " sum(happened) FROM sound_calibration WHERE number = ? GROUP BY 1, 2, 3",
        (factor, number),
    ).fetchall()
    connection.execute("DELETE FROM calibration WHERE number = ?", (number,))
    connection.executemany(_ADD, merged)
    connection.execute(
        "INSERT OR REPLACE INTO calibration_widths VALUES (?, ?, NULL)",
        (number, width * factor),
    )
    return width * factor
