"""Count rewards that stay without their decision.

Owns when that is, and up to which time it was counted. The decision of a reward often
comes to the store some moments later, by another worker's part of the log: only a
reward that is still alone after `ORPHAN_AFTER_MS` is an orphan.
"""

import sqlite3
from collections import Counter

from bandit_svc.storage.sqlite.rows.counters import add_counts

ORPHAN_AFTER_MS = 10_000
_EVERY_MS = 1_000
_COUNTED_TO = "orphans_counted_to_ms"
Counts = Counter[tuple[int, str]]


def any_orphans(connection: sqlite3.Connection) -> bool:
    """Return whether a reward waits for its decision; usually none does."""
    found = connection.execute(
        "SELECT 1 FROM rewards WHERE attached = 0 LIMIT 1"
    ).fetchone()
    return found is not None


def counted_to_ms(connection: sqlite3.Connection) -> int:
    """Return up to which time of receipt lonely rewards are counted as orphans."""
    found = connection.execute(
        "SELECT CAST(value AS INTEGER) FROM sound_meta WHERE name = ?", [_COUNTED_TO]
    ).fetchone()
    return 0 if found is None else int(found[0])


def orphans_of(connection: sqlite3.Connection, number: int) -> int:
    """Return how many rewards of an experiment have waited for too long."""
    (found,) = connection.execute(
        "SELECT count(*) FROM rewards"
        " WHERE number = ? AND attached = 0 AND received_at_ms <= ?",
        [number, counted_to_ms(connection)],
    ).fetchone()
    return int(found)


def are_due(connection: sqlite3.Connection, now_ms: int) -> bool:
    """Return whether there are rewards that `count_orphans` may count."""
    if not any_orphans(connection):
        return False
    return counted_to_ms(connection) <= now_ms - ORPHAN_AFTER_MS - _EVERY_MS


def count_orphans(connection: sqlite3.Connection, now_ms: int) -> Counts:
    """Count each reward that has waited too long for its decision, once.

    Runs in the caller's transaction.
    """
    before_ms = now_ms - ORPHAN_AFTER_MS
    counts: Counts = Counter()
    for number, lonely in connection.execute(
        "SELECT number, count(*) FROM rewards"
        " WHERE attached = 0 AND received_at_ms > ? AND received_at_ms <= ?"
        " GROUP BY number",
        [counted_to_ms(connection), before_ms],
    ).fetchall():
        counts[number, "rewards_orphan"] = lonely
    add_counts(connection, counts)
    keep_counted_to(connection, before_ms)
    return counts


def keep_counted_to(connection: sqlite3.Connection, at_ms: int) -> None:
    """Keep up to which time of receipt lonely rewards are counted."""
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES (?, ?, NULL)", [_COUNTED_TO, str(at_ms)]
    )
