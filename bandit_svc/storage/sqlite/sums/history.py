"""Sums of joined decisions over time, in a bounded number of rows.

Owns the tables history, history_widths and history_variants, and the rule that
keeps them small: MAX_POINTS stretches of time and MAX_VARIANTS names an experiment.
A stretch begins at a multiple of its width, so two of them make one of the next
width exactly. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from bandit_svc.storage.rows import ClosedDecision

MAX_POINTS = 200
MAX_VARIANTS = 50
FIRST_WIDTH_MS = 1_000
OTHER = ""


def add_history(
    connection: sqlite3.Connection, number: int, closed: Sequence[ClosedDecision]
) -> None:
    """Add decisions of an experiment to the stretches in which they were exposed."""
    width_ms = width_of(connection, number)
    names = _names(connection, number, dict.fromkeys(c.due.variant for c in closed))
    sums: dict[tuple[int, str, str], list[float]] = {}
    for c in closed:
        variant = c.due.variant if c.due.variant in names else OTHER
        key = (c.due.exposed_at_ms // width_ms, c.due.group, variant)
        entry = sums.setdefault(key, [0, 0.0, 0.0, 0])
        entry[0] += 1
        entry[1] += c.reward
        entry[2] += c.reward * c.reward
        entry[3] += c.counted > 0
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)"
        " ON CONFLICT (number, bucket, grp, variant) DO UPDATE SET"
        " n = n + excluded.n, total = total + excluded.total,"
        " total_squares = total_squares + excluded.total_squares,"
        " rewarded = rewarded + excluded.rewarded",
        [(number, *key, *entry) for key, entry in sums.items()],
    )
    _bound(connection, number, width_ms)


def width_of(connection: sqlite3.Connection, number: int) -> int:
    """Return the current length of an experiment's stretches in milliseconds."""
    (width_ms,) = connection.execute(
        "SELECT width_ms FROM sound_history_widths WHERE number = ?", (number,)
    ).fetchone() or (FIRST_WIDTH_MS,)
    return int(width_ms)


def _names(
    connection: sqlite3.Connection, number: int, seen: Iterable[str]
) -> set[str]:
    """Add new variants, and return those that are kept by name."""
    names = {
        variant
        for (variant,) in connection.execute(
            "SELECT variant FROM sound_history_variants WHERE number = ?", (number,)
        )
    }
    new = [variant for variant in seen if variant not in names]
    new = new[: MAX_VARIANTS - len(names)]
    connection.executemany(
        "INSERT OR IGNORE INTO history_variants VALUES (?, ?, NULL)",
        [(number, v) for v in new],
    )
    return names.union(new)


def _bound(connection: sqlite3.Connection, number: int, width_ms: int) -> None:
    """Double the stretches until there are few enough of them."""
    doubled = 1
    while _points(connection, number, doubled) > MAX_POINTS:
        doubled *= 2
    if doubled == 1:
        return
    merged: Sequence[tuple[object, ...]] = connection.execute(
        "SELECT number, bucket / ?, grp, variant, sum(n), sum(total),"
        " sum(total_squares), sum(rewarded) FROM sound_history WHERE number = ?"
        " GROUP BY 1, 2, 3, 4",
        (doubled, number),
    ).fetchall()
    connection.execute("DELETE FROM history WHERE number = ?", (number,))
    connection.executemany(
        "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", merged
    )
    connection.execute(
        "INSERT OR REPLACE INTO history_widths VALUES (?, ?, NULL)",
        (number, width_ms * doubled),
    )


def _points(connection: sqlite3.Connection, number: int, doubled: int) -> int:
    (points,) = connection.execute(
        "SELECT count(DISTINCT bucket / ?) FROM history WHERE number = ?",
        (doubled, number),
    ).fetchone()
    return int(points)
