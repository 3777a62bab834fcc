"""Sums of joined decisions by context key and value.

Owns the tables segments and segment_keys; which keys and values are kept is
domain.segment's. The caller owns the transaction.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from bandit_svc.domain.segment import FOLDED, KeyCount, SegmentKeys
from bandit_svc.storage.rows import ClosedDecision
from bandit_svc.storage.sqlite.drift import Stretches, forget_values

_Sums = dict[tuple[str, str, str], list[float]]
"""Count, sum and sum of squares by (key, value, group)."""


def add_segments(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision]
) -> None:
    """Add each decision to the segments of its context, and to the drift of them."""
    by_number: defaultdict[int, list[ClosedDecision]] = defaultdict(list)
    for c in closed:
        by_number[c.due.number].append(c)
    for number, mine in by_number.items():
        keys = _load(connection, number)
        stretches = Stretches(connection, number)
        sums: _Sums = {}
        begins = 0
        while begins < len(mine):
            ends = begins + stretches.room(mine[begins].due.exposed_at_ms)
            _add_stretch(stretches, keys, mine[begins:ends], sums)
            begins = ends
        connection.executemany(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)"
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
    mine: _Sums = {}
    for c in closed:
        reward, group = c.reward, c.due.group
        for key, value in keys.segments(c.context):
            place = (key, value, group)
            entry = mine.get(place)
            if entry is None:
                entry = mine[place] = [0, 0.0, 0.0]
            entry[0] += 1
            entry[1] += reward
            entry[2] += reward * reward
    present: Counter[tuple[str, str]] = Counter()
    for (key, value, of_group), entry in mine.items():
        present[key, value] += int(entry[0])
        total = sums.setdefault((key, value, of_group), [0, 0.0, 0.0])
        for index, one in enumerate(entry):
            total[index] += one
    for key, n in keys.wide_present.items():
        present[key, FOLDED] += n
    keys.wide_present.clear()
    stretches.add(len(closed), present)


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
    forget_values(connection, number, wide)
