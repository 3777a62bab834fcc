"""Rewards of units as they are read, and how they age; see storage.credits.Credits."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bandit_svc.domain.events.decision_id import page_of
from bandit_svc.domain.limits import DECISION_LIFETIME_MS
from bandit_svc.domain.people.credit import credited
from bandit_svc.storage.credits import QuarantinedReward, ReportedReward, Source
from bandit_svc.storage.rows import IngestOutcome
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.people.credit_tables import (
    AHEAD,
    CREDITED,
    ELSEWHERE,
    NEW,
    QUARANTINED,
    REDRIVE,
    SOURCES,
    creditable_of,
    person_ids,
    unit_hashes,
)
from bandit_svc.storage.sqlite.rows.counters import add_counts
from bandit_svc.storage.sqlite.rows.counts import add_rows
from bandit_svc.storage.sqlite.rows.decisions import shown_id, stored_id
from bandit_svc.storage.sqlite.rows.orphans import ORPHAN_AFTER_MS
from bandit_svc.storage.sqlite.rows.states import JOINED, OPEN

_AT_ONCE = 10_000
"""Rows that one transaction lets go of."""
_KEY = "decision_id = ? AND metric = ? AND reward_id = ?"
_REPORTED = f"SELECT value FROM rewards WHERE {_KEY}"  # noqa: S608 - a constant
_FIRST = f"SELECT first_value FROM corrections WHERE {_KEY}"  # noqa: S608 - a constant
_ALONE = f"""
    state <> {CREDITED} AND NOT EXISTS (SELECT 1 FROM unit_rewards s
        WHERE s.reward_id = u.reward_id AND s.unit = u.unit AND s.source = u.source
        AND s.state = {CREDITED})"""  # noqa: S608 - a number
_NEW = f"state <> {CREDITED} AND state = {NEW} AND received_at_ms <= ?"
_OLD = (
    f"state <> {CREDITED} AND state IN ({NEW}, {QUARANTINED}, {ELSEWHERE}, {AHEAD})"
    " AND received_at_ms <= ?"
)
"""Both as the index of those without a decision has them."""
_STORED = """
    SELECT r.decision_id, r.number, r.metric, r.value,
        coalesce(k.first_value, r.value), r.late, c.source
    FROM sound_rewards r
    LEFT JOIN sound_credits c USING (decision_id, metric, reward_id)
    LEFT JOIN sound_corrections k USING (decision_id, metric, reward_id)"""
_OF_UNITS = """
    SELECT c.decision_id, r.number, r.metric, r.value,
        coalesce(k.first_value, r.value), r.late, c.source
    FROM sound_unit_rewards u JOIN sound_credits c ON c.position = u.position
    CROSS JOIN sound_rewards r
    LEFT JOIN sound_corrections k ON k.decision_id = c.decision_id
        AND k.metric = c.metric AND k.reward_id = c.reward_id
    WHERE u.reward_id = ? AND r.decision_id = c.decision_id AND r.metric = c.metric
        AND r.reward_id = c.reward_id LIMIT ?"""
_WAITING = """
    SELECT NULL, u.number, u.metric, u.value,
        -- Of one that was corrected, each decision has its share of the former value.
        coalesce((SELECT sum(k.first_value) FROM sound_credits c
            JOIN sound_corrections k USING (decision_id, metric, reward_id)
            WHERE c.position = u.position), u.value), 0, u.source
    FROM sound_unit_rewards u"""


class SqliteCredits:
    """See storage.credits.Credits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reported(
        self, decision_id: str, metric: str, reward_id: str
    ) -> tuple[float, float] | None:
        """See the interface."""
        key = stored_id(decision_id), metric, reward_id
        row = self._database.row(_REPORTED, key)
        if row is None:
            # So it is for nearly all.
            return None
        first = self._database.row(_FIRST, key)
        value = float(row[0])
        return value, value if first is None or first[0] is None else float(first[0])

    def is_joined(self, decision_id: str) -> bool:
        """See the interface."""
        row = self._database.row(
            "SELECT state FROM decisions WHERE id = ?",
            (page_of(stored_id(decision_id)),),
        )
        return row is not None and row[0] == JOINED

    def reported_of_units(
        self, numbers: Sequence[int], metric: str, reward_id: str
    ) -> list[ReportedReward]:
        """See the interface."""
        with self._database.read() as connection:
            found = _credited_to(connection, metric, reward_id)
            rows = connection.execute(
                f"{_WAITING} WHERE u.reward_id = ? AND u.metric = ? AND u.source = 0",
                (reward_id, metric),
            ).fetchall()
        of_units = {row[1]: _reported((found.get(row[1]), *row[1:])) for row in rows}
        return [of_units[n] for n in numbers if n in of_units]

    def decisions_for(
        self, number: int, unit_id: str, occurred_at_ms: int, received_at_ms: int
    ) -> list[str]:
        """See the interface."""
        with self._database.read() as connection:
            unit = unit_hashes(connection).of(unit_id)
            found = creditable_of(connection, number, unit)
        ids = credited(found, occurred_at_ms, received_at_ms)
        return [shown_id(stored) for stored in ids]

    def is_of_another(self, unit_id: str, metric: str, reward_id: str) -> bool:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT unit FROM sound_unit_rewards"
                " WHERE reward_id = ? AND metric = ?",
                (reward_id, metric),
            ).fetchall()
            person = person_ids(connection, unit_hashes(connection).of(unit_id))
        return bool(rows) and not {unit for (unit,) in rows} & set(person)

    def rewards(
        self, reward_id: str, limit: int, *, of_units: bool = False
    ) -> list[ReportedReward]:
        """See the interface."""
        # An index of all rewards by this id would cost each of them 10 µs.
        sql = _OF_UNITS if of_units else f"{_STORED} WHERE r.reward_id = ? LIMIT ?"
        with self._database.read() as connection:
            rows = connection.execute(sql, (reward_id, limit)).fetchall()
            rows += connection.execute(
                f"{_WAITING} WHERE u.reward_id = ? AND u.state <> {CREDITED} LIMIT ?",
                (reward_id, limit - len(rows)),
            ).fetchall()
        return [_reported(row) for row in rows]

    def quarantined(self, limit: int) -> list[QuarantinedReward]:
        """See the interface."""
        with self._database.read() as connection:
            units = connection.execute(
                "SELECT number, reward_id, metric, value, occurred_at_ms,"  # noqa: S608 - a constant
                " received_at_ms, source FROM sound_unit_rewards u"
                f" WHERE {_ALONE} ORDER BY received_at_ms DESC LIMIT ?",
                (limit,),
            ).fetchall()
            orphans = connection.execute(
                "SELECT number, reward_id, metric, value, occurred_at_ms,"
                " received_at_ms, decision_id FROM sound_rewards WHERE attached = 0"
                " ORDER BY received_at_ms DESC LIMIT ?",
                (limit,),
            ).fetchall()
        found = [_quarantined(row, SOURCES[row[-1]], None) for row in units]
        found += [_quarantined(row, "decision", shown_id(row[-1])) for row in orphans]
        return sorted(found, key=lambda one: -one.received_at_ms)[:limit]

    def count_quarantined(self, number: int | None = None) -> int:
        """See the interface."""
        only = "" if number is None else "AND number = ?"
        with self._database.read() as connection:
            (found,) = connection.execute(
                f"SELECT count(*) FROM unit_rewards u WHERE {_ALONE} {only}",  # noqa: S608 - constants
                () if number is None else (number,),
            ).fetchone()
        return int(found)

    def age(self, now_ms: int, keep_ms: int) -> IngestOutcome:
        """See the interface."""
        with self._database.read() as connection:
            if not _is_due(connection, now_ms, keep_ms):
                return IngestOutcome()
        with self._database.write() as connection:
            counts = _count_alone(connection, now_ms)
            counts.update(_give_up(connection, now_ms - keep_ms))
            add_counts(connection, counts)
            _forget(connection, now_ms)
        return IngestOutcome(dict(counts))

    def ask_to_redrive(self) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, '1', NULL)", (REDRIVE,)
            )

    def redrive_is_asked(self) -> bool:
        """See the interface."""
        ask = "SELECT 1 FROM meta WHERE name = ?"
        return self._database.row(ask, (REDRIVE,)) is not None


def _credited_to(
    connection: sqlite3.Connection, metric: str, reward_id: str
) -> dict[int, bytes]:
    """Return the decision of a reward by experiment, where it has one alone."""
    rows = connection.execute(
        "SELECT u.number, c.decision_id FROM unit_rewards u"
        " JOIN credits c USING (position) WHERE u.reward_id = ? AND u.metric = ?",
        (reward_id, metric),
    )
    found: dict[int, list[bytes]] = {}
    for number, decision_id in rows.fetchall():
        found.setdefault(number, []).append(decision_id)
    return {number: ids[0] for number, ids in found.items() if len(ids) == 1}


def _quarantined(
    row: tuple[Any, ...], source: Source, decision_id: str | None
) -> QuarantinedReward:
    number, reward_id, metric, value, occurred_at_ms, received_at_ms, _ = row
    times = occurred_at_ms, received_at_ms
    return QuarantinedReward(
        number, reward_id, metric, value, *times, source, decision_id
    )


def _reported(row: tuple[Any, ...]) -> ReportedReward:
    stored, number, metric, value, first_value, late, source = row
    return ReportedReward(
        decision_id=None if stored is None else shown_id(stored),
        number=number,
        metric=metric,
        value=value,
        first_value=first_value,
        late=bool(late),
        source="decision" if source is None else SOURCES[source],
    )


def _is_due(connection: sqlite3.Connection, now_ms: int, keep_ms: int) -> bool:
    """Return whether `age` has anything to do."""
    found = connection.execute(
        f"SELECT EXISTS (SELECT 1 FROM unit_rewards WHERE {_NEW})"  # noqa: S608 - constants
        f" OR EXISTS (SELECT 1 FROM unit_rewards WHERE {_OLD})"
        " OR EXISTS (SELECT 1 FROM creditable WHERE gone_ms <= ?)",
        (now_ms - ORPHAN_AFTER_MS, now_ms - keep_ms, now_ms),
    ).fetchone()
    return bool(found[0])


def _count_alone(
    connection: sqlite3.Connection, now_ms: int
) -> Counter[tuple[int, str]]:
    """Count each reward that has waited for too long, once."""
    counts: Counter[tuple[int, str]] = Counter()
    before = (now_ms - ORPHAN_AFTER_MS,)
    for number, n in connection.execute(
        f"SELECT number, count(*) FROM unit_rewards u WHERE {_NEW} AND {_ALONE}"  # noqa: S608 - constants
        " GROUP BY number",
        before,
    ).fetchall():
        counts[number, "rewards_quarantined"] = n
    connection.execute(
        f"UPDATE unit_rewards AS u SET state = iif({_ALONE}, {QUARANTINED},"  # noqa: S608 - constants
        f" {ELSEWHERE}) WHERE {_NEW}",
        before,
    )
    return counts


def _give_up(
    connection: sqlite3.Connection, before_ms: int
) -> Counter[tuple[int, str]]:
    """Let go of rewards that have waited for longer than is allowed; count them."""
    counts: Counter[tuple[int, str]] = Counter()
    for number, state, n in connection.execute(
        "SELECT number, state, count(*) FROM unit_rewards"  # noqa: S608 - a number
        f" WHERE {_OLD} GROUP BY number, state",
        (before_ms,),
    ).fetchall():
        if state == QUARANTINED:
            counts[number, "quarantine_given_up"] += n
    connection.execute(
        f"DELETE FROM unit_rewards WHERE {_OLD}",  # noqa: S608 - constants
        (before_ms,),
    )
    return counts


def _forget(connection: sqlite3.Connection, now_ms: int) -> None:
    """Forget decisions that nothing can be credited to any more, and old credits."""
    gone = connection.execute(
        "DELETE FROM creditable WHERE (unit, number, id) IN ("  # noqa: S608 - numbers
        " SELECT unit, number, id FROM creditable AS c WHERE gone_ms <= ?"
        "  AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.id = c.id"
        f"   AND d.state = {OPEN}) LIMIT {_AT_ONCE})",
        (now_ms,),
    ).rowcount
    add_rows(connection, "creditable", -gone)
    before_ms = now_ms - DECISION_LIFETIME_MS
    for table, of in (("credits", "position"), ("unit_rewards", "position")):
        connection.execute(
            f"DELETE FROM {table} WHERE {of} IN (SELECT position FROM"  # noqa: S608 - our own names
            f" (SELECT position, received_at_ms FROM unit_rewards"
            f"  ORDER BY position LIMIT {_AT_ONCE}) AS oldest"
            " WHERE received_at_ms <= ?)",
            (before_ms,),
        )
