"""Sums of logged chances and of outcomes, by model version and size of the chance.

Owns the tables calibration and calibration_widths, and the rule that keeps them
small: MAX_BLOCKS blocks of model versions an experiment. When a version lies behind
the last one, blocks become twice as wide and neighbours are added up. The caller owns
the transaction.
"""

import sqlite3
from collections.abc import Collection, Sequence

from bandit_svc.storage.rows import VersionSums
from bandit_svc.storage.sqlite.rows.due import AMONG, among_of

MAX_BLOCKS = 16


def add_calibration(
    connection: sqlite3.Connection, sums: Sequence[VersionSums]
) -> None:
    """Add sums of single versions to their blocks."""
    newest: dict[int, int] = {}
    for one in sums:
        newest[one.number] = max(one.version, newest.get(one.number, 0))
    widths = calibration_widths(connection, newest)
    for number, version in newest.items():
        widths[number] = _widened(connection, number, version, widths[number])
    connection.executemany(
        _ADD,
        [
            (one.number, one.version // widths[one.number], one.bin, *one[3:])
            for one in sums
        ],
    )


def calibration_widths(
    connection: sqlite3.Connection, numbers: Collection[int]
) -> dict[int, int]:
    """Return the number of model versions in a block, of each experiment."""
    found = connection.execute(
        f"SELECT number, width FROM sound_calibration_widths WHERE {AMONG}",  # noqa: S608 - a constant
        among_of(numbers),
    ).fetchall()
    return dict.fromkeys(numbers, 1) | dict(found)


_ADD = (
    "INSERT INTO calibration VALUES (?, ?, ?, ?, ?, ?, ?, NULL)"
    " ON CONFLICT (number, block, bin) DO UPDATE SET n = n + excluded.n,"
    " expected = expected + excluded.expected,"
    " variance = variance + excluded.variance, happened = happened + excluded.happened"
)


def _widened(
    connection: sqlite3.Connection, number: int, newest: int, width: int
) -> int:
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
