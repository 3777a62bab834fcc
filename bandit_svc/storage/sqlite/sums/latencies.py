"""Counts of rewards by how long after the exposure they occurred.

Owns the table latencies; the bins are domain.latency's. The caller owns the
transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable

from bandit_svc.domain.latency import bin_of
from bandit_svc.storage.rows import ClosedDecision

Latencies = Counter[tuple[int, int, bool]]
"""Rewards by (experiment number, bin, whether they counted)."""


def latencies_of(closed: Iterable[ClosedDecision]) -> Latencies:
    """Count what the closed decisions bring."""
    return Counter(
        (c.due.number, bin_of(latency_ms), counted)
        for c in closed
        for latency_ms, counted in c.latencies
    )


def add_latencies(connection: sqlite3.Connection, latencies: Latencies) -> None:
    """Add the counts to those of the experiments."""
    connection.executemany(
        "INSERT INTO latencies VALUES (?, ?, ?, ?, NULL) ON CONFLICT (number, bin)"
        " DO UPDATE SET counted = counted + excluded.counted,"
        " late = late + excluded.late",
        [
            (number, place, n if counted else 0, 0 if counted else n)
            for (number, place, counted), n in latencies.items()
        ],
    )
