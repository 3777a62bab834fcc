"""Sums of joined decisions over time, in a bounded number of rows.

Owns the tables history, history_widths and history_variants, and the rule that
keeps them small: MAX_POINTS stretches of time and MAX_VARIANTS names an experiment.
A stretch begins at a multiple of its width, so two of them make one of the next
width exactly. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from bandit_svc.storage.rows import ClosedDecision
from bandit_svc.storage.sqlite.rows.due import AMONG, among_of

MAX_POINTS = 200
MAX_VARIANTS = 50
FIRST_WIDTH_MS = 1_000
OTHER = ""


def add_history(
    connection: sqlite3.Connection, closed: Sequence[ClosedDecision]
) -> None:
    """Add decisions to the stretches of time in which they were exposed."""
    seen: dict[int, dict[str, None]] = {}
    for c in closed:
        seen.setdefault(c.due.number, {})[c.due.variant] = None
    widths = widths_of(connection, seen)
    names = _names(connection, seen)
    sums: dict[tuple[int, int, str, str], list[float]] = {}
    for c in closed:
        number, variant = c.due.number, c.due.variant
        if variant not in names[number]:
            variant = OTHER
        key = (number, c.due.exposed_at_ms // widths[number], c.due.group, variant)
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
        [(*key, *entry) for key, entry in sums.items()],
    )
    many = connection.execute(
        f"SELECT number FROM history WHERE {AMONG} GROUP BY number"  # noqa: S608 - constants
        f" HAVING count(DISTINCT bucket) > {MAX_POINTS}",
        among_of(seen),
    ).fetchall()
    for (number,) in many:
        _bound(connection, number, widths[number])


def widths_of(
    connection: sqlite3.Connection, numbers: Collection[int]
) -> dict[int, int]:
    """Return the current length of each experiment's stretches in milliseconds."""
    found = connection.execute(
        f"SELECT number, width_ms FROM sound_history_widths WHERE {AMONG}",  # noqa: S608 - a constant
        among_of(numbers),
    ).fetchall()
    return dict.fromkeys(numbers, FIRST_WIDTH_MS) | dict(found)


def _names(
    connection: sqlite3.Connection, seen: Mapping[int, Iterable[str]]
) -> dict[int, set[str]]:
    """Add new variants, and return those that are kept by name, by experiment."""
    names: dict[int, set[str]] = {number: set() for number in seen}
    for number, variant in connection.execute(
        f"SELECT number, variant FROM sound_history_variants WHERE {AMONG}",  # noqa: S608 - a constant
        among_of(seen),
    ):
        names[number].add(variant)
    added: list[tuple[int, str]] = []
    for number, variants in seen.items():
        new = [variant for variant in variants if variant not in names[number]]
        new = new[: MAX_VARIANTS - len(names[number])]
        names[number].update(new)
        added += ((number, variant) for variant in new)
    connection.executemany(
        "INSERT OR IGNORE INTO history_variants VALUES (?, ?, NULL)", added
    )
    return names


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
