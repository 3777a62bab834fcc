"""Joined decisions and their sums in SQLite.

Owns the tables joined and tallies; see storage.joined.joins.Joins.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.joined.joins import NO_SUMS, JoinedBefore
from bandit_svc.storage.ranges import ALWAYS, Made
from bandit_svc.storage.rows import (
    ClosedDecision,
    ClosedRow,
    DueDecision,
    JoinedRow,
    JoinSums,
    Tally,
    UpliftSums,
    closing_counts,
)
from bandit_svc.storage.sqlite.archive.dropping import dropped_position
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.imports.tables import imported_after
from bandit_svc.storage.sqlite.rows.counters import add_counts
from bandit_svc.storage.sqlite.rows.decisions import (
    StoredDecisions,
    stored_place,
)
from bandit_svc.storage.sqlite.rows.due import CHECKED_ROWS, DueRow, OpenRows
from bandit_svc.storage.sqlite.rows.facts import decision_change, reward_change
from bandit_svc.storage.sqlite.rows.joined import (
    FoundRow,
    ReadableRow,
    due_decisions,
)
from bandit_svc.storage.sqlite.rows.just_joined import JustJoined
from bandit_svc.storage.sqlite.rows.states import OPEN, SET_ASIDE
from bandit_svc.storage.sqlite.slots.joined import keep_joined_slots, with_slots
from bandit_svc.storage.sqlite.slots.tallies import add_slot_tallies
from bandit_svc.storage.sqlite.sums.calibration import add_calibration
from bandit_svc.storage.sqlite.sums.history import add_history
from bandit_svc.storage.sqlite.sums.latencies import add_latencies, latencies_of
from bandit_svc.storage.sqlite.sums.positions import (
    append_joined,
    last_positions,
)
from bandit_svc.storage.sqlite.sums.tallies import add_tallies
from bandit_svc.storage.sqlite.sums.uplift import (
    keep_uplift,
    method_changed_at_ms_of,
    unit_states_of,
    uplifts_of,
)

_SET_ASIDE = decision_change({"state": "?2"}, "row_id = ?1 AND state = ?3")
_LATE = reward_change({"late": "1"}, "decision_id = ? AND metric = ? AND reward_id = ?")
_AFTER = """
    SELECT j.position, j.reward, j.learnable, d.row_id, d.at_ms, d.id, d.logged
    FROM sound_joined j JOIN sound_decisions d USING (row_id)
    WHERE j.number = ? AND j.position > ? ORDER BY j.position LIMIT ?"""
_MADE = "d.at_ms >= ? AND d.at_ms < ? AND j.joined_at_ms <= ?"
_AFTER_MADE = _AFTER.replace("ORDER", f"AND {_MADE} ORDER")


class SqliteJoins:
    """See storage.joined.joins.Joins."""

    def __init__(
        self,
        database: Database,
        decisions: StoredDecisions,
        just_joined: JustJoined,
        reached: Reached,
        open_rows: OpenRows = CHECKED_ROWS,
    ) -> None:
        self._reached = reached
        self._database = database
        self._open_rows = open_rows
        self._decisions = decisions
        self._due_rows: dict[int, DueRow] = {}
        self._just_joined = just_joined

    def due(
        self, now_ms: int, limit: int, numbers: Collection[int] | None = None
    ) -> list[DueDecision]:
        """See the interface."""
        while True:
            due, unreadable = self._due(now_ms, limit, numbers)
            if not unreadable:
                return due
            self.set_aside(unreadable)

    def _due(
        self, now_ms: int, limit: int, numbers: Collection[int] | None
    ) -> tuple[list[DueDecision], list[int]]:
        """Return the due decisions, and the rows of those that can't be read."""
        unreadable: list[int] = []
        with self._database.read() as connection:
            met = self._database.found
            found = self._open_rows.due(connection, now_ms, limit, met, numbers)
            readable = []
            for row in found:
                decision = self._decoded(row.stored, row.logged)
                if decision is None:
                    unreadable.append(row.row_id)
                else:
                    place = row.row_id, row.at_ms, row.stored
                    readable.append(FoundRow(decision, *place))
            due = due_decisions(connection, readable)
        self._due_rows = {row.row_id: row for row in found}
        return due, unreadable

    def set_aside(self, row_ids: Sequence[int]) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.executemany(
                _SET_ASIDE, [(row_id, SET_ASIDE, OPEN) for row_id in row_ids]
            )

    def _decoded(self, stored: bytes, logged: bytes) -> Decision | None:
        """Return a decision, None where a shared part of it is damaged."""
        try:
            return self._decisions.decode(stored, logged)
        except UnreadableEvent:
            return None

    def close(
        self,
        closed: Sequence[ClosedDecision],
        now_ms: int,
        sums: JoinSums = NO_SUMS,
    ) -> None:
        """See the interface."""
        with self._database.write() as connection:
            positions = append_joined(connection, closed, now_ms)
            keep_joined_slots(connection, closed)
            row_ids = [c.due.row_id for c in closed]
            self._open_rows.join(connection, row_ids, self._due_rows)
            late = [
                (stored_place(c.due.decision_id, slot), metric, reward_id)
                for c in closed
                for slot, metric, reward_id in c.late
            ]
            connection.executemany(
                _LATE,
                late,
            )
            add_counts(connection, _late_counts(closed))
            add_counts(connection, closing_counts(closed))
            _add_sums(connection, closed, sums)
            add_latencies(connection, latencies_of(closed))
            add_calibration(connection, sums.calibration)
        self._due_rows = {}
        for number, rows in _joined_rows(closed, positions).items():
            self._just_joined.add(number, rows)

    def add_sums(self, closed: Sequence[ClosedDecision], sums: JoinSums) -> None:
        """See the interface."""
        with self._database.write() as connection:
            _add_sums(connection, closed, sums)

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """See the interface."""
        if position < 0:
            with self._database.read() as connection:
                return imported_after(connection, number, position, limit)
        if kept := self._just_joined.after(number, position, limit):
            return kept
        rows = self._stored_after(number, position, limit)
        follow = bool(rows) and rows[0].position == position + 1
        if not follow and position < self._dropped(number):
            return self._reached.order.after(number, position, limit)
        return rows

    def _dropped(self, number: int) -> int:
        with self._database.read() as connection:
            return dropped_position(connection, number)

    def _stored_after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        with self._database.read() as connection:
            while found := self._readable_after(connection, (number, position, limit)):
                rows = [
                    JoinedRow(
                        one.position, one.reward, bool(one.learnable), one.decision
                    )
                    for one in found
                ]
                rows = with_slots(connection, rows, [one.row_id for one in found])
                if rows:
                    return rows
                position = found[-1].position
        return []

    def closed_after(
        self, number: int, position: int, limit: int, made: Made = ALWAYS
    ) -> list[ClosedRow]:
        """See the interface."""
        if position < self._dropped(number):
            order = self._reached.order
            if found := order.closed_after(number, position, limit, made):
                return found
        position = max(position, self._dropped(number))
        where = number, position, *made, limit
        with self._database.read() as connection:
            rows = self._readable_after(connection, where, _AFTER_MADE)
            due = due_decisions(
                connection,
                [
                    FoundRow(row.decision, row.row_id, row.at_ms, row.stored)
                    for row in rows
                ],
            )
        return [
            ClosedRow(row.position, row.reward, one)
            for row, one in zip(rows, due, strict=True)
        ]

    def _readable_after(
        self, connection: sqlite3.Connection, where: tuple[int, ...], sql: str = _AFTER
    ) -> list[ReadableRow]:
        """Return the next joined decisions that can be read; none behind the last."""
        number, position, *rest = where
        while True:
            rows = connection.execute(sql, [number, position, *rest]).fetchall()
            found = [
                ReadableRow(reached, reward, learnable, row_id, at_ms, stored, decision)
                for reached, reward, learnable, row_id, at_ms, stored, logged in rows
                if (decision := self._decoded(stored, logged)) is not None
            ]
            if found or not rows:
                return found
            position = rows[-1][0]

    def last_position(self, number: int) -> int:
        """See the interface."""
        with self._database.read() as connection:
            return last_positions(connection, [number])[number]

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
                "SELECT joined_at_ms FROM sound_joined"
                " WHERE number = ? AND position > ?"
                " AND learnable <> 0 ORDER BY position LIMIT 1",
                [number, position],
            ).fetchone() or (None,)
            (ready,) = connection.execute(
                "SELECT min(ready_at_ms) FROM sound_decisions"
                " WHERE number = ? AND state = 2 AND ready_at_ms <= ?",
                [number, now_ms],
            ).fetchone()
        waiting = [at_ms for at_ms in (joined, ready) if at_ms is not None]
        return min(waiting, default=None)

    def tallies(self, number: int) -> list[Tally]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT grp, variant, metric, n, total, total_squares, first_ms,"
                " last_ms FROM sound_tallies WHERE number = ?"
                " ORDER BY grp, variant, metric",
                [number],
            ).fetchall()
        return [Tally(*row) for row in rows]

    def adjusted(self, number: int) -> bytes | None:
        """See the interface."""
        with self._database.read() as connection:
            (state,) = connection.execute(
                "SELECT state FROM sound_adjusted WHERE number = ?", [number]
            ).fetchone() or (None,)
        return state

    def before(self, numbers: Collection[int]) -> Mapping[int, JoinedBefore]:
        """See the interface."""
        with self._database.read() as connection:
            states = uplifts_of(connection, numbers)
            return {
                number: JoinedBefore(position, states.get(number))
                for number, position in last_positions(connection, numbers).items()
            }

    def uplift(self, number: int) -> bytes | None:
        """See the interface."""
        with self._database.read() as connection:
            return uplifts_of(connection, [number]).get(number)

    def save_uplift(self, number: int, sums: UpliftSums) -> None:
        """See the interface."""
        with self._database.write() as connection:
            keep_uplift(connection, {number: sums})

    def method_changed_at_ms(self, number: int) -> int | None:
        """See the interface."""
        with self._database.read() as connection:
            return method_changed_at_ms_of(connection, number)

    def unit_states(self, number: int, units: Collection[int]) -> Mapping[int, bytes]:
        """See the interface."""
        with self._database.read() as connection:
            return unit_states_of(connection, number, units)

    def states_of_units(
        self, units: Mapping[int, Collection[int]]
    ) -> Mapping[int, Mapping[int, bytes]]:
        """See the interface."""
        with self._database.read() as connection:
            return {
                number: unit_states_of(connection, number, some)
                for number, some in units.items()
            }


def _add_sums(
    connection: sqlite3.Connection, closed: Sequence[ClosedDecision], sums: JoinSums
) -> None:
    """Add decisions to the sums of their rewards; see Joins.add_sums."""
    add_tallies(connection, closed)
    add_slot_tallies(connection, closed)
    add_history(connection, closed)
    connection.executemany(
        "INSERT OR REPLACE INTO adjusted VALUES (?, ?, NULL)", sums.adjusted.items()
    )
    keep_uplift(connection, sums.uplift)


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


def _joined_rows(
    closed: Iterable[ClosedDecision], positions: Iterable[int]
) -> dict[int, list[JoinedRow]]:
    """Return closed decisions as `after` returns them, by experiment number."""
    found: dict[int, list[JoinedRow]] = {}
    for c, position in zip(closed, positions, strict=True):
        values = c.reward + 0.0, c.learnable, c.due.decision, c.slots
        row = JoinedRow(position, *values)
        found.setdefault(c.due.number, []).append(row)
    return found
