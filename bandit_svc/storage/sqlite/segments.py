"""Sums of joined decisions by context key and value.

Owns the tables segments and segment_keys; which keys and values are kept is
domain.segment's. The caller owns the transaction.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

from bandit_svc.domain.segment import FOLDED, KeyCount, SegmentKeys
from bandit_svc.storage.rows import ClosedDecision


def add_segments(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision]
) -> None:
    """Add each decision to the segments of its context."""
    by_number: defaultdict[int, list[ClosedDecision]] = defaultdict(list)
    for c in closed:
        if c.context:
            by_number[c.due.number].append(c)
    for number, mine in by_number.items():
        keys = _load(connection, number)
        sums: dict[tuple[str, str, str], list[float]] = {}
        for c in mine:
            reward, group = c.reward, c.due.group
            for key, value in keys.segments(c.context):
                place = (key, value, group)
                entry = sums.get(place)
                if entry is None:
                    entry = sums[place] = [0, 0.0, 0.0]
                entry[0] += 1
                entry[1] += reward
                entry[2] += reward * reward
        connection.executemany(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (number, key, value, grp) DO UPDATE SET"
            " n = n + excluded.n, total = total + excluded.total,"
            " total_squares = total_squares + excluded.total_squares",
            [(number, *key, *entry) for key, entry in sums.items()],
        )
        _save(connection, number, keys, {key for key, _, _ in sums})


def _load(connection: sqlite3.Connection, number: int) -> SegmentKeys:
    counts: dict[str, KeyCount] = {}
    closed: set[str] = set()
    for key, n, folded, is_closed in connection.execute(
        "SELECT key, n, folded, closed FROM segment_keys WHERE number = ?", (number,)
    ):
        if is_closed:
            closed.add(key)
        else:
            counts[key] = KeyCount(n, folded)
    values: defaultdict[str, set[str]] = defaultdict(set)
    for key, value in connection.execute(
        "SELECT key, value FROM segments WHERE number = ? AND value <> ?",
        (number, FOLDED),
    ):
        values[key].add(value)
    return SegmentKeys(counts, values, closed)


def _save(
    connection: sqlite3.Connection, number: int, keys: SegmentKeys, touched: set[str]
) -> None:
    wide = keys.close_wide()
    connection.executemany(
        "INSERT OR REPLACE INTO segment_keys VALUES (?, ?, ?, ?, 0)",
        [
            (number, key, keys.counts[key].n, keys.counts[key].folded)
            for key in touched - wide
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO segment_keys VALUES (?, ?, 0, 0, 1)",
        [(number, key) for key in wide],
    )
    connection.executemany(
        "DELETE FROM segments WHERE number = ? AND key = ?",
        [(number, key) for key in wide],
    )
