"""Add to the counters of the experiments.

Owns the table counters.
"""

import sqlite3
from collections import Counter


def add_counts(
    connection: sqlite3.Connection, counts: Counter[tuple[int, str]]
) -> None:
    """Add to the counters of the experiments, in the caller's transaction."""
    connection.executemany(
        "INSERT INTO counters VALUES (?, ?, ?, NULL) ON CONFLICT (number, name)"
        " DO UPDATE SET value = value + excluded.value",
        [(number, name, value) for (number, name), value in counts.items()],
    )
