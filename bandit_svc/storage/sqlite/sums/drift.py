"""Counts of context values in stretches of the joined order.

Owns the tables drift and drift_stretches, and the rule that keeps them small: a
stretch has STRETCH decisions; of three stretches of one size the two oldest become
one, and of more than MAX_STRETCHES the two oldest of all. So the newest are short and
the oldest long, and there are the same ones however the joins were batched. Which keys
and values are told apart is domain.segment's; who finds them for the uplift hands them
over. The caller owns the transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from bandit_svc.domain.segment import FOLDED
from bandit_svc.storage.rows import JoinedContexts
from bandit_svc.storage.sqlite.rows.due import AMONG, among_of

STRETCH = 250
MAX_STRETCHES = 16
_LAST_OF_A_SIZE = 3

Present = Mapping[tuple[str, str], int]
"""Decisions by (context key, value or FOLDED)."""


def add_drift(
    connection: sqlite3.Connection, contexts: Mapping[int, JoinedContexts]
) -> None:
    """Add the contexts of each experiment's decisions, in their joined order."""
    writing = _Writing(connection)
    known: dict[int, list[list[int]]] = {number: [] for number in contexts}
    for number, *row in connection.execute(
        "SELECT number, begins, begins_at_ms, n FROM sound_drift_stretches"  # noqa: S608 - a constant
        f" WHERE {AMONG} ORDER BY number, begins",
        among_of(contexts),
    ):
        known[number].append(row)
    for number, mine in contexts.items():
        _Stretches(writing, number, known[number]).add_all(mine)
        if mine.closed:
            writing.flush()
            forget_values(connection, number, mine.closed)
    writing.flush()


def begin_drift_anew(connection: sqlite3.Connection, number: int) -> None:
    """Forget the contexts of an experiment's decisions."""
    for table in ("drift", "drift_stretches"):
        connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608 - our own names


class _Writing:
    """Rows of many experiments on their way into the tables."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.counts: list[tuple[int, int, str, str, int]] = []
        self.stretches: dict[tuple[int, int], Sequence[int]] = {}

    def flush(self) -> None:
        """Write them; called before anything reads or deletes rows of a stretch."""
        self.connection.executemany(_ADD, self.counts)
        self.connection.executemany(
            "INSERT OR REPLACE INTO drift_stretches VALUES (?, ?, ?, ?, NULL)",
            [(number, *row) for (number, _), row in self.stretches.items()],
        )
        self.counts, self.stretches = [], {}


class _Stretches:
    """The stretches of one experiment in one transaction."""

    def __init__(self, writing: _Writing, number: int, known: list[list[int]]) -> None:
        self._writing = writing
        self._connection = writing.connection
        self._number = number
        self._known = known

    def add_all(self, contexts: JoinedContexts) -> None:
        """Add the contexts of decisions, in their joined order."""
        begins, count = 0, len(contexts.present)
        while begins < count:
            ends = begins + self.room(contexts.exposed_at_ms[begins])
            some = contexts.present[begins:ends]
            self.add(len(some), Counter(chain.from_iterable(some)))
            begins = ends

    def room(self, at_ms: int) -> int:
        """Return how many decisions the newest stretch takes, from a moment on."""
        if not self._known or self._known[-1][2] >= STRETCH:
            begins = sum(n for _, _, n in self._known)
            self._known.append([begins, at_ms, 0])
            self._merge()
        return STRETCH - self._known[-1][2]

    def add(self, n: int, present: Present) -> None:
        """Add decisions to the newest stretch; at most as many as it takes."""
        newest = self._known[-1]
        newest[2] += n
        self._writing.counts += (
            (self._number, newest[0], key, value, count)
            for (key, value), count in present.items()
        )
        self._writing.stretches[self._number, newest[0]] = tuple(newest)

    def _merge(self) -> None:
        sizes = [n for _, _, n in self._known[:-1]]
        for at, size in enumerate(sizes):
            if sizes[at:].count(size) >= _LAST_OF_A_SIZE:
                self._merge_at(at)
                self._merge()
                return
        if len(self._known) > MAX_STRETCHES:
            self._merge_at(0)

    def _merge_at(self, at: int) -> None:
        """Make the stretches at and behind this place one."""
        self._writing.flush()
        kept, gone = self._known[at], self._known.pop(at + 1)
        kept[2] += gone[2]
        ends = (self._number, gone[0])
        rows = self._connection.execute(
            "SELECT number, ?, key, value, n FROM sound_drift"
            " WHERE number = ? AND begins = ?",
            (kept[0], *ends),
        ).fetchall()
        self._connection.executemany(_ADD, rows)
        for table in ("drift", "drift_stretches"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE number = ? AND begins = ?",  # noqa: S608 - our own names
                ends,
            )
        self._connection.execute(
            "UPDATE drift_stretches SET n = ? WHERE number = ? AND begins = ?",
            (kept[2], self._number, kept[0]),
        )


def forget_values(
    connection: sqlite3.Connection, number: int, keys: Iterable[str]
) -> None:
    """Keep of these keys only in how many decisions they were there."""
    for key in keys:
        rows = connection.execute(
            "SELECT number, begins, key, ?, sum(n) FROM sound_drift"
            " WHERE number = ? AND key = ? GROUP BY number, begins, key",
            (FOLDED, number, key),
        ).fetchall()
        connection.execute(
            "DELETE FROM drift WHERE number = ? AND key = ?", (number, key)
        )
        connection.executemany(_ADD, rows)


_ADD = (
    "INSERT INTO drift VALUES (?, ?, ?, ?, ?, NULL)"
    " ON CONFLICT (number, begins, key, value) DO UPDATE SET n = n + excluded.n"
)
