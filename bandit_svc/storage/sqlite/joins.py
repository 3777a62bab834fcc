"""Joined decisions and their sums in SQLite.

Owns the tables joined and tallies; see storage.interface.Joins.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.storage.interface import NO_SUMS
from bandit_svc.storage.rows import (
    ClosedDecision,
    ClosedRow,
    DueDecision,
    JoinedRow,
    JoinSums,
    Tally,
    UpliftSums,
    clipped_counts,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.ingesting import JOINED, add_counts
from bandit_svc.storage.sqlite.sums.calibration import add_calibration
from bandit_svc.storage.sqlite.sums.history import add_history
from bandit_svc.storage.sqlite.sums.latencies import add_latencies, latencies_of
from bandit_svc.storage.sqlite.sums.segments import add_segments
from bandit_svc.storage.sqlite.sums.uplift import (
    keep_uplift,
    method_changed_at_ms_of,
    unit_states_of,
    uplift_of,
)

_TallyKey = tuple[int, str, str, str]
_RewardRow = tuple[str, str, float, int, int]


class SqliteJoins:
    """See storage.interface.Joins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now_ms: int, limit: int) -> list[DueDecision]:
        """See the interface."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT row_id, id, number, revision, grp, variant, exposed_at_ms,"
                " line FROM decisions WHERE state = 1 AND ready_at_ms <= ?"
                " ORDER BY ready_at_ms, id LIMIT ?",
                [now_ms, limit],
            ).fetchall()
            rewards = _rewards(connection, now_ms, limit) if found else {}
        return [
            DueDecision(
                row_id,
                decision_id,
                number,
                revision,
                group,
                variant,
                exposed_at_ms,
                tuple(rewards[decision_id]) if decision_id in rewards else (),
                line,
            )
            for (
                row_id,
                decision_id,
                number,
                revision,
                group,
                variant,
                exposed_at_ms,
                line,
            ) in found
        ]

    def close(
        self,
        closed: Sequence[ClosedDecision],
        now_ms: int,
        sums: JoinSums = NO_SUMS,
    ) -> None:
        """See the interface."""
        with self._database.write() as connection:
            _append(connection, closed, now_ms)
            connection.executemany(
                "UPDATE decisions SET state = ? WHERE row_id = ?",
                [(JOINED, c.due.row_id) for c in closed],
            )
            late = [
                (c.due.decision_id, metric, reward_id)
                for c in closed
                for metric, reward_id in c.late
            ]
            connection.executemany(
                "UPDATE rewards SET late = 1 WHERE decision_id = ? AND metric = ?"
                " AND reward_id = ?",
                late,
            )
            add_counts(connection, _late_counts(closed))
            add_counts(connection, clipped_counts(closed))
            _add_tallies(connection, closed)
            for number, mine in _by_number(closed).items():
                add_history(connection, number, mine)
                add_segments(connection, number, mine)
            add_latencies(connection, latencies_of(closed))
            add_calibration(connection, sums.calibration)
            connection.executemany(
                "INSERT OR REPLACE INTO adjusted VALUES (?, ?)", sums.adjusted.items()
            )
            for number, uplift in sums.uplift.items():
                keep_uplift(connection, number, uplift)

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT j.position, j.reward, j.learnable, d.line FROM joined j"
                " JOIN decisions d USING (row_id)"
                " WHERE j.number = ? AND j.position > ?"
                " ORDER BY j.position LIMIT ?",
                [number, position, limit],
            ).fetchall()
        return [
            JoinedRow(position, reward, bool(learnable), line)
            for position, reward, learnable, line in rows
        ]

    def closed_after(self, number: int, position: int, limit: int) -> list[ClosedRow]:
        """See the interface."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT j.position, j.reward, d.row_id, d.id, d.revision,"
                " d.grp, d.variant, d.exposed_at_ms, d.line FROM joined j"
                " JOIN decisions d USING (row_id)"
                " WHERE j.number = ? AND j.position > ? ORDER BY j.position LIMIT ?",
                [number, position, limit],
            ).fetchall()
            rewards = _rewards_of(connection, [row[3] for row in found])
        return [
            ClosedRow(
                position,
                reward,
                DueDecision(
                    row_id,
                    decision_id,
                    number,
                    revision,
                    group,
                    variant,
                    exposed_at_ms,
                    tuple(rewards.get(decision_id, ())),
                    line,
                ),
            )
            for (
                position,
                reward,
                row_id,
                decision_id,
                revision,
                group,
                variant,
                exposed_at_ms,
                line,
            ) in found
        ]

    def last_position(self, number: int) -> int:
        """See the interface."""
        with self._database.read() as connection:
            return _last_position(connection, number)

    def last_positions(self) -> Mapping[int, int]:
        """See the interface."""
        with self._database.read() as connection:
            # Two steps down the primary key for each experiment, instead of a walk
            # over every joined decision.
            return dict(
                connection.execute(
                    "WITH RECURSIVE n(number) AS (SELECT min(number) FROM joined"
                    " UNION ALL SELECT (SELECT min(number) FROM joined j"
                    "  WHERE j.number > n.number) FROM n WHERE n.number IS NOT NULL)"
                    " SELECT number, (SELECT max(position) FROM joined j"
                    "  WHERE j.number = n.number) FROM n WHERE number IS NOT NULL"
                ).fetchall()
            )

    def waiting_since_ms(self, number: int, position: int, now_ms: int) -> int | None:
        """See the interface."""
        with self._database.read() as connection:
            (joined,) = connection.execute(
                "SELECT joined_at_ms FROM joined WHERE number = ? AND position > ?"
                " AND learnable ORDER BY position LIMIT 1",
                [number, position],
            ).fetchone() or (None,)
            (ready,) = connection.execute(
                "SELECT min(ready_at_ms) FROM decisions"
                " WHERE number = ? AND state = 1 AND ready_at_ms <= ?",
                [number, now_ms],
            ).fetchone()
        waiting = [at_ms for at_ms in (joined, ready) if at_ms is not None]
        return min(waiting, default=None)

    def tallies(self, number: int) -> list[Tally]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT grp, variant, metric, n, total, total_squares, first_ms,"
                " last_ms FROM tallies WHERE number = ? ORDER BY grp, variant, metric",
                [number],
            ).fetchall()
        return [Tally(*row) for row in rows]

    def adjusted(self, number: int) -> bytes | None:
        """See the interface."""
        with self._database.read() as connection:
            (state,) = connection.execute(
                "SELECT state FROM adjusted WHERE number = ?", [number]
            ).fetchone() or (None,)
        return state

    def uplift(self, number: int) -> bytes | None:
        """See the interface."""
        with self._database.read() as connection:
            return uplift_of(connection, number)

    def save_uplift(self, number: int, sums: UpliftSums) -> None:
        """See the interface."""
        with self._database.write() as connection:
            keep_uplift(connection, number, sums)

    def method_changed_at_ms(self, number: int) -> int | None:
        """See the interface."""
        with self._database.read() as connection:
            return method_changed_at_ms_of(connection, number)

    def unit_states(self, number: int, units: Collection[int]) -> Mapping[int, bytes]:
        """See the interface."""
        with self._database.read() as connection:
            return unit_states_of(connection, number, units)


def _rewards(
    connection: sqlite3.Connection, now_ms: int, limit: int
) -> dict[str, list[_RewardRow]]:
    """Return the rewards of the due decisions, in the order of their keys."""
    found: dict[str, list[_RewardRow]] = {}
    for decision_id, *row in connection.execute(
        "SELECT r.decision_id, r.metric, r.reward_id, r.value, r.occurred_at_ms,"
        " r.received_at_ms FROM (SELECT id FROM decisions WHERE state = 1"
        "  AND ready_at_ms <= ? ORDER BY ready_at_ms, id LIMIT ?) d"
        # A cross join keeps its order: SQLite looks up the rewards of each decision.
        " CROSS JOIN rewards r ON r.decision_id = d.id",
        [now_ms, limit],
    ):
        metric, reward_id, value, occurred_at_ms, received_at_ms = row
        found.setdefault(decision_id, []).append(
            (metric, reward_id, value, occurred_at_ms, received_at_ms)
        )
    return found


def _rewards_of(
    connection: sqlite3.Connection, ids: Sequence[str]
) -> dict[str, list[_RewardRow]]:
    """Return the rewards of some decisions, in the order of their keys."""
    found: dict[str, list[_RewardRow]] = {}
    for decision_id, *row in connection.execute(
        "SELECT r.decision_id, r.metric, r.reward_id, r.value, r.occurred_at_ms,"
        " r.received_at_ms FROM json_each(?) d"
        " CROSS JOIN rewards r ON r.decision_id = d.value",
        [msgspec.json.encode(list(ids))],
    ):
        metric, reward_id, value, occurred_at_ms, received_at_ms = row
        found.setdefault(decision_id, []).append(
            (metric, reward_id, value, occurred_at_ms, received_at_ms)
        )
    return found


def _late_counts(closed: Iterable[ClosedDecision]) -> Counter[tuple[int, str]]:
    """Count the late rewards; each had been counted as accepted when it came."""
    late: dict[int, int] = {}
    for c in closed:
        number = c.due.number
        if c.late or number not in late:
            late[number] = late.get(number, 0) + len(c.late)
    counts: Counter[tuple[int, str]] = Counter()
    for number, n in late.items():
        counts[number, "rewards_late"] = n
        counts[number, "rewards_accepted"] = -n
    return counts


def _by_number(closed: Iterable[ClosedDecision]) -> dict[int, list[ClosedDecision]]:
    found: dict[int, list[ClosedDecision]] = {}
    for c in closed:
        found.setdefault(c.due.number, []).append(c)
    return found


def _last_position(connection: sqlite3.Connection, number: int) -> int:
    (position,) = connection.execute(
        "SELECT coalesce(max(position), 0) FROM joined WHERE number = ?", (number,)
    ).fetchone()
    return int(position)


def _append(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision], now_ms: int
) -> None:
    positions: dict[int, int] = {}
    rows = []
    for c in closed:
        number = c.due.number
        if number not in positions:
            positions[number] = _last_position(connection, number)
        positions[number] += 1
        rows.append(
            (
                number,
                positions[number],
                c.due.row_id,
                c.reward,
                c.counted,
                c.learnable,
                now_ms,
            )
        )
    connection.executemany("INSERT INTO joined VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _add_tallies(
    connection: sqlite3.Connection, closed: Iterable[ClosedDecision]
) -> None:
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
        "INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (number, grp, variant, metric) DO UPDATE SET"
        " n = n + excluded.n, total = total + excluded.total,"
        " total_squares = total_squares + excluded.total_squares,"
        " first_ms = min(coalesce(first_ms, excluded.first_ms), excluded.first_ms),"
        " last_ms = max(coalesce(last_ms, excluded.last_ms), excluded.last_ms)",
        [(*key, *entry) for key, entry in sums.items()],
    )
