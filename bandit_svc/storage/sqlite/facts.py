"""Decisions, activations and rewards in SQLite.

Owns the tables decisions, rewards, metric_names, activations, cursors and counters; see
storage.joined.facts.Facts. The rules of repetition are in ingesting.py, the form of
rows in rows/, the checks in soundness.py.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Any

from msgspec.structs import replace

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.decision_id import page_of, slot_of
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import NO_PROGRESS, Place, Progress, Taken
from bandit_svc.errors import Unavailable
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.joined.facts import NO_DAMAGES
from bandit_svc.storage.rows import (
    Arrival,
    Cursors,
    DecisionState,
    DecisionView,
    FoundDamages,
    IngestOutcome,
    OrphanRow,
    ReleasedCount,
    Totals,
)
from bandit_svc.storage.sqlite.archive.dropping import place_of_removed
from bandit_svc.storage.sqlite.damages import add_damages
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.ingesting import Ingesting
from bandit_svc.storage.sqlite.rows.decisions import (
    StoredDecisions,
    shown_id,
    stored_id,
)
from bandit_svc.storage.sqlite.rows.due import CHECKED_ROWS, OpenRows
from bandit_svc.storage.sqlite.rows.orphans import are_due, count_orphans, orphans_of
from bandit_svc.storage.sqlite.rows.shared_parts import PartNumbers
from bandit_svc.storage.sqlite.rows.states import (
    AMBIGUOUS,
    APART,
    APART_OPEN,
    DEFERRED,
    JOINED,
    OPEN,
    WITHDRAWN,
)
from bandit_svc.storage.sqlite.slots.views import (
    REWARDS_OF,
    page_view,
    reward_row_of,
)
from bandit_svc.storage.sqlite.soundness import faults
from bandit_svc.storage.sqlite.stream.progress import (
    keep_progress,
    read_marks,
    read_sources,
)

_RELEASED = "released_facts"
_ACCEPTED = "released_facts_accepted"
_STATES: dict[int, DecisionState] = {
    DEFERRED: "deferred",
    OPEN: "open",
    JOINED: "joined",
    AMBIGUOUS: "ambiguous",
    WITHDRAWN: "ambiguous",
    APART_OPEN: "open",
    APART: "joined",
}
"""Those in which a decision is shown."""

_MOST_LOOKED_THROUGH = 20_000
"""Pending decisions; each takes about 2 µs."""
_REWARDED = """SELECT count(*) FROM decisions AS d WHERE number = ? AND state = 2
    AND EXISTS (SELECT 1 FROM rewards WHERE decision_id = d.id AND attached = 1)"""


Check = Callable[[sqlite3.Connection], list[str]]
"""Returns one sentence for each fault of a store."""


class SqliteFacts:
    """See storage.joined.facts.Facts."""

    def __init__(
        self,
        database: Database,
        decisions: StoredDecisions,
        reached: Reached,
        check: Check = faults,
        open_rows: OpenRows = CHECKED_ROWS,
    ) -> None:
        self._last_row = open_rows.last
        self._reached = reached
        self._database = database
        self._check = check
        self._decisions = decisions
        self._sighted: set[int] = set()

    def cursors(self) -> Cursors:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT partition, segment, offset, sequence FROM sound_cursors"
            ).fetchall()
        return {partition: Cursor(*cursor) for partition, *cursor in rows}

    def ingest(
        self,
        arrivals: Sequence[Arrival],
        cursors: Cursors,
        found: FoundDamages = NO_DAMAGES,
        progress: Progress = NO_PROGRESS,
    ) -> IngestOutcome:
        """See the interface."""
        with self._database.write() as connection:
            parts = PartNumbers(connection, self._sighted)
            outcome = Ingesting(connection, self._decisions, parts, self._last_row).run(
                arrivals
            )
            if progress is NO_PROGRESS:
                connection.executemany(
                    "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, NULL)",
                    [(name, *cursor) for name, cursor in cursors.items()],
                )
            else:
                keep_progress(connection, cursors, progress)
            add_damages(connection, found)
        return outcome

    def sources(self, partitions: Collection[str]) -> dict[Place, Taken]:
        """See the interface."""
        with self._database.read() as connection:
            return read_sources(connection, partitions)

    def marks(self) -> dict[Place, Mark]:
        """See the interface."""
        with self._database.read() as connection:
            return read_marks(connection)

    def count_orphans(self, now_ms: int) -> IngestOutcome:
        """See the interface."""
        with self._database.read() as connection:
            if not are_due(connection, now_ms):
                return IngestOutcome()
        with self._database.write() as connection:
            return IngestOutcome(dict(count_orphans(connection, now_ms)))

    def forget_partition(self, partition: str) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + coalesce("
                "(SELECT sequence FROM sound_cursors WHERE partition = ?), 0) AS TEXT)"
                " WHERE name = ?",
                [partition, _RELEASED],
            )
            connection.execute("DELETE FROM cursors WHERE partition = ?", [partition])

    def released(self) -> ReleasedCount:
        """See the interface."""
        with self._database.read() as connection:
            found = dict(
                connection.execute(
                    "SELECT name, CAST(value AS INTEGER) FROM sound_meta"
                    " WHERE name IN (?, ?)",
                    [_RELEASED, _ACCEPTED],
                ).fetchall()
            )
        return ReleasedCount(found.get(_RELEASED), found.get(_ACCEPTED, 0))

    def keep_released(self, count: ReleasedCount, found: FoundDamages) -> None:
        """See the interface."""
        values = {_RELEASED: count.facts, _ACCEPTED: count.accepted}
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?, NULL)",
                [(name, str(n)) for name, n in values.items() if n is not None],
            )
            add_damages(connection, found)

    def decision(self, decision_id: str) -> DecisionView | None:
        """See the interface."""
        stored = stored_id(decision_id)
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT d.id, d.logged, d.state, d.at_ms, d.ready_at_ms,"
                " d.closes_after_ms, j.reward, j.position, row_id"
                " FROM sound_decisions d"
                " LEFT JOIN sound_joined j USING (row_id) WHERE d.id = ?",
                [page_of(stored)],
            ).fetchone()
            if row is not None:
                return self._whole_view(connection, stored, row)
            gone = place_of_removed(connection, stored)
        if gone is None:
            return None
        return self._reached.order.view(*gone, slot_of(stored))

    def _whole_view(
        self, connection: sqlite3.Connection, stored: bytes, found: Sequence[Any]
    ) -> DecisionView | None:
        *row, row_id = found
        view = self._view(row)
        if view is None:
            return None
        if view.decision.slots is None:
            rewards = connection.execute(REWARDS_OF, [stored]).fetchall()
            return replace(view, rewards=tuple(map(reward_row_of, rewards)))
        return page_view(connection, view, slot_of(stored), row_id)

    def _view(self, row: Sequence[Any]) -> DecisionView | None:
        stored, logged, state, at_ms, ready_at_ms, closes_after_ms, *joined = row
        if state not in _STATES:
            return None
        try:
            decision = self._decisions.decode(stored, logged)
        except UnreadableEvent:
            return None
        exposed = ready_at_ms is not None
        reward, position = joined
        return DecisionView(
            decision=decision,
            state=_STATES[state],
            exposed_at_ms=at_ms if exposed else None,
            closes_at_ms=at_ms + closes_after_ms if exposed else None,
            rewards=(),
            joined_reward=reward,
            joined_position=position,
        )

    def orphans(self, number: int, limit: int) -> list[OrphanRow]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT decision_id, number, metric, reward_id, value, received_at_ms"
                " FROM sound_rewards WHERE number = ? AND attached = 0"
                " ORDER BY received_at_ms DESC LIMIT ?",
                [number, limit],
            ).fetchall()
        return [OrphanRow(shown_id(stored), *rest) for stored, *rest in rows]

    def totals(self, number: int) -> Totals:
        """See the interface."""
        with self._database.read() as connection:
            counts = dict(
                connection.execute(
                    "SELECT name, value FROM sound_counters WHERE number = ?", [number]
                ).fetchall()
            )

            def scalar(sql: str) -> int:
                found = connection.execute(sql, [number]).fetchone()[0]
                return int(found or 0)

            pending, first_ready_at_ms = connection.execute(
                "SELECT count(*), min(ready_at_ms) FROM decisions"
                " WHERE number = ? AND state = 2",
                [number],
            ).fetchone()
            joined = scalar("SELECT max(position) FROM joined WHERE number = ?")
            is_young = not joined and pending <= _MOST_LOOKED_THROUGH
            return Totals(
                counts=counts,
                pending=pending,
                first_ready_at_ms=first_ready_at_ms,
                rewarded=scalar(_REWARDED) if is_young else None,
                unexposed=scalar(
                    "SELECT count(*) FROM decisions WHERE number = ? AND state = 0"
                ),
                orphans=orphans_of(connection, number),
                joined=joined,
            )

    def metric_names(self, number: int) -> set[str]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT name FROM sound_metric_names WHERE number = ?", [number]
            ).fetchall()
        return {name for (name,) in rows}

    def check(self) -> list[str]:
        """See the interface."""
        try:
            with self._database.read() as connection:
                return self._check(connection)
        except Unavailable as error:
            # A file that is damaged enough can't even be asked.
            return [error.message]
