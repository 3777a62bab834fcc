"""The figures of pages, from SQLite.

Owns the table headlines, and queries that go down an index or the newest few rows;
see storage.overview.Overview.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.storage.overview import (
    Headline,
    Place,
    RecentDecision,
    RecentState,
    SummaryRow,
)
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions

MOST_SAMPLED = 5_000
_MINUTE_MS = 60_000

# One step down an index for each column of each experiment.
_ROWS = """
    SELECT e.number,
        coalesce((SELECT max(position) FROM joined j WHERE j.number = e.number), 0),
        coalesce((SELECT max(version) FROM snapshots s WHERE s.number = e.number), 0),
        (SELECT created_at_ms FROM snapshots s WHERE s.number = e.number
            ORDER BY version DESC LIMIT 1),
        (SELECT min(ready_at_ms) FROM sound_decisions d
            WHERE d.number = e.number AND state = 2 AND ready_at_ms <= ?)
    FROM sound_experiments e ORDER BY e.number"""
_UNLEARNED = """
    SELECT number, min(coalesce(ready, joined), coalesce(joined, ready)) FROM (
        SELECT e.number,
            (SELECT min(ready_at_ms) FROM sound_decisions d
                WHERE d.number = e.number AND state = 2 AND ready_at_ms < ?1) AS ready,
            (SELECT joined_at_ms FROM sound_joined j
                WHERE j.number = e.number AND learnable <> 0 AND position > coalesce(
                    (SELECT json_extract(spans, '$[#-1][1]') FROM sound_snapshots s
                        WHERE s.number = e.number ORDER BY version DESC LIMIT 1), 0)
                ORDER BY position LIMIT 1) AS joined
        FROM sound_experiments e) AS each
    WHERE ready < ?1 OR joined < ?1"""
_RATES = """
    SELECT number, count(*), min(at_ms) FROM (
        SELECT number, at_ms FROM decisions ORDER BY row_id DESC LIMIT ?) AS newest
    WHERE at_ms > ? GROUP BY number"""
_RECENT: Mapping[RecentState, str] = {
    # Both orders follow an index, partial to the state.
    "open": (
        "SELECT ready_at_ms, row_id, NULL, id, logged FROM sound_decisions"
        " WHERE number = ?1 AND state = 2 AND (ready_at_ms, row_id) < (?2, ?3)"
        " ORDER BY ready_at_ms DESC, row_id DESC LIMIT ?4"
    ),
    "deferred": (
        "SELECT row_id, ?3, NULL, id, logged FROM sound_decisions"
        " WHERE number = ?1 AND state = 0 AND row_id < ?2"
        " ORDER BY row_id DESC LIMIT ?4"
    ),
    "joined": (
        "SELECT j.position, ?3, j.reward, d.id, d.logged FROM sound_joined j"
        " JOIN sound_decisions d USING (row_id)"
        " WHERE j.number = ?1 AND j.position < ?2 ORDER BY j.position DESC LIMIT ?4"
    ),
}
_NEWEST: Place = (2**62, 0)


class SqliteOverview:
    """See storage.overview.Overview."""

    def __init__(self, database: Database, decisions: StoredDecisions) -> None:
        self._database = database
        self._decisions = decisions

    def summaries(self, now_ms: int) -> list[SummaryRow]:
        """See the interface."""
        counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
        with self._database.read() as connection:
            rows = connection.execute(_ROWS, [now_ms]).fetchall()
            for number, name, value in connection.execute(
                "SELECT number, name, value FROM sound_counters"
            ):
                counts[number][name] = value
            kept = {
                number: Headline(number, as_of_ms, msgspec.json.decode(content))
                for number, as_of_ms, content in connection.execute(
                    "SELECT number, as_of_ms, content FROM sound_headlines"
                )
            }
        return [
            SummaryRow(
                number=number,
                counts=counts[number],
                joined=joined,
                model_version=version,
                model_at_ms=model_at_ms,
                ready_since_ms=ready_since_ms,
                headline=kept.get(number),
            )
            for number, joined, version, model_at_ms, ready_since_ms in rows
        ]

    def unlearned_since(self, before_ms: int) -> Mapping[int, int]:
        """See the interface."""
        with self._database.read() as connection:
            return dict(connection.execute(_UNLEARNED, [before_ms]).fetchall())

    def rates(self, now_ms: int) -> Mapping[int, float]:
        """See the interface."""
        with self._database.read() as connection:
            rows = connection.execute(
                _RATES, [MOST_SAMPLED, now_ms - _MINUTE_MS]
            ).fetchall()
        sampled = sum(n for _, n, _ in rows)
        span_ms = _MINUTE_MS
        if sampled >= MOST_SAMPLED:
            span_ms = max(1, now_ms - min(begun_at_ms for *_, begun_at_ms in rows))
        return {number: n * _MINUTE_MS / span_ms for number, n, _ in rows}

    def recent(
        self, number: int, state: RecentState, limit: int, before: Place | None = None
    ) -> list[RecentDecision]:
        """See the interface."""
        place = _NEWEST if before is None else before
        with self._database.read() as connection:
            rows = connection.execute(
                _RECENT[state], [number, *place, limit]
            ).fetchall()
        found = []
        for first, second, reward, *kept in rows:
            with suppress(UnreadableEvent):
                decision = self._decisions.decode(*kept)
                found.append(RecentDecision((first, second), decision, reward))
        return found

    def keep(self, headlines: Sequence[Headline]) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO headlines VALUES (?, ?, ?, NULL)",
                [
                    (h.number, h.as_of_ms, msgspec.json.encode(h.content))
                    for h in headlines
                ],
            )
