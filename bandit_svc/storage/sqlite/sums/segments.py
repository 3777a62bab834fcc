"""Sums of joined decisions by context key and value.

Owns the tables segments and segment_keys; which keys and values are kept is
domain.segment's. The caller owns the transaction.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Sequence

from bandit_svc.domain.experiment import Group
from bandit_svc.domain.segment import FOLDED, KeyCount, SegmentKeys
from bandit_svc.storage.rows import ClosedDecision
from bandit_svc.storage.sqlite.sums.drift import Stretches, forget_values

_Sums = dict[tuple[str, str, str], list[float]]
"""Count, sum and sum of squares by (key, value, group)."""


def add_segments(
    connection: sqlite3.Connection, number: int, closed: Sequence[ClosedDecision]
) -> None:
    """Add decisions of an experiment to the segments and the drift of contexts."""
    keys = _load(connection, number)
    stretches = Stretches(connection, number)
    sums: _Sums = {}
    begins = 0
    while begins < len(closed):
        ends = begins + stretches.room(closed[begins].due.exposed_at_ms)
        _add_stretch(stretches, keys, closed[begins:ends], sums)
        begins = ends
    connection.executemany(
        "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, NULL)"
        " ON CONFLICT (number, key, value, grp) DO UPDATE SET"
        " n = n + excluded.n, total = total + excluded.total,"
        " total_squares = total_squares + excluded.total_squares",
        [(number, *key, *entry) for key, entry in sums.items()],
    )
    _save(connection, number, keys, {key for key, _, _ in sums})


def _add_stretch(
    stretches: Stretches,
    keys: SegmentKeys,
    closed: Sequence[ClosedDecision],
    sums: _Sums,
) -> None:
    """Add decisions of one stretch of the joined order to it and to the sums."""
    seen: defaultdict[Group, list[tuple[str, str]]] = defaultdict(list)
    earned: defaultdict[tuple[str, str, Group], list[float]] = defaultdict(_nothing)
    for c in closed:
        reward, group = c.reward, c.due.group
        found = keys.segments(c.context)
        seen[group] += found
        # Most rewards are 0, and change no sum.
        if reward:
            for key, value in found:
                entry = earned[key, value, group]
                entry[0] += reward
                entry[1] += reward * reward
    present: Counter[tuple[str, str]] = Counter()
    for group, places in seen.items():
        counts = Counter(places)
        present.update(counts)
        for (key, value), n in counts.items():
            total = sums.setdefault((key, value, group), [0, 0.0, 0.0])
            total[0] += n
            reward, squared = earned.get((key, value, group), (0.0, 0.0))
            total[1] += reward
            total[2] += squared
    for key, n in keys.wide_present.items():
        present[key, FOLDED] += n
    keys.wide_present.clear()
    stretches.add(len(closed), present)


def _nothing() -> list[float]:
    return [0.0, 0.0]


def _load(connection: sqlite3.Connection, number: int) -> SegmentKeys:
    counts: dict[str, KeyCount] = {}
    closed: set[str] = set()
    for key, n, folded, is_closed in connection.execute(
        "SELECT key, n, folded, closed FROM sound_segment_keys WHERE number = ?",
        (number,),
    ):
        if is_closed:
            closed.add(key)
        else:
            counts[key] = KeyCount(n, folded)
    values: defaultdict[str, set[str]] = defaultdict(set)
    for key, value in connection.execute(
        "SELECT key, value FROM sound_segments WHERE number = ? AND value <> ?",
        (number, FOLDED),
    ):
        values[key].add(value)
    return SegmentKeys(counts, values, closed)


def _save(
    connection: sqlite3.Connection, number: int, keys: SegmentKeys, touched: set[str]
) -> None:
    wide = keys.close_wide()
    connection.executemany(
        "INSERT OR REPLACE INTO segment_keys VALUES (?, ?, ?, ?, 0, NULL)",
        [
            (number, key, keys.counts[key].n, keys.counts[key].folded)
            for key in touched - wide
        ],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO segment_keys VALUES (?, ?, 0, 0, 1, NULL)",
        [(number, key) for key in wide],
    )
    connection.executemany(
        "DELETE FROM segments WHERE number = ? AND key = ?",
        [(number, key) for key in wide],
    )
    forget_values(connection, number, wide)
