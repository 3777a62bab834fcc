"""Sums of the metrics of joined decisions, by group and variant.

Owns the writing of the table tallies. The caller owns the transaction.
"""

import sqlite3
from collections.abc import Iterable

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.storage.rows import ClosedDecision

_TallyKey = tuple[int, str, str, str]


def add_tallies(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision]
) -> None:
    """Add closed decisions to the sums of their experiments."""
    sums: dict[_TallyKey, list[float]] = {}
    for c in closed:
        at_ms = c.due.exposed_at_ms
        for metric, value in ((MAIN_METRIC, c.reward), *c.secondary.items()):
            key = (c.due.number, c.due.group, c.due.variant, metric)
            entry = sums.setdefault(key, [0, 0.0, 0.0, at_ms, at_ms])
            entry[0] += 1
            entry[1] += value
            entry[2] += value * value
            if at_ms < entry[3]:
                entry[3] = at_ms
            elif at_ms > entry[4]:
                entry[4] = at_ms
    connection.executemany(
        "INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
        " ON CONFLICT (number, grp, variant, metric) DO UPDATE SET"
        " n = n + excluded.n, total = total + excluded.total,"
        " total_squares = total_squares + excluded.total_squares,"
        " first_ms = min(coalesce(first_ms, excluded.first_ms), excluded.first_ms),"
        " last_ms = max(coalesce(last_ms, excluded.last_ms), excluded.last_ms)",
        [(*key, *entry) for key, entry in sums.items()],
    )
