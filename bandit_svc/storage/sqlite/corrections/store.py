"""Corrected rewards, as they are read; see storage.corrections.Corrections."""

from collections.abc import Callable

from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.storage.corrections import (
    CorrectionState,
    CorrectionSums,
    KnownReward,
    TakeOver,
)
from bandit_svc.storage.rows import ClosedRow
from bandit_svc.storage.sqlite.corrections.states import (
    outdated_of,
    state_of,
    waiting_states,
)
from bandit_svc.storage.sqlite.corrections.taking_over import Attached, take_over
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, stored_id
from bandit_svc.storage.sqlite.rows.joined import FoundRow, due_decisions
from bandit_svc.storage.sqlite.rows.just_joined import JustJoined

_KNOWN = """
    SELECT r.value, coalesce(c.received_at_ms, 0) FROM sound_rewards r
    LEFT JOIN sound_corrections c USING (decision_id, metric, reward_id)
    WHERE r.decision_id = ? AND r.metric = ? AND r.reward_id = ?"""
_SUMS = """
    SELECT coalesce(sum(CASE WHEN value <> first_value THEN 1 ELSE 0 END), 0),
        coalesce(sum(value - first_value), 0.0), max(received_at_ms),
        (SELECT count(*) FROM corrections c WHERE c.number = ?1
            AND c.sequence > coalesce((SELECT learned FROM correction_states s
                WHERE s.number = ?1), 0))
    FROM sound_corrections
    WHERE number = ?1 AND metric = ?2 AND first_value IS NOT NULL"""
_CORRECTED = """
    SELECT j.position, j.reward, d.row_id, d.at_ms, d.id, d.logged
    FROM (SELECT DISTINCT page_id(decision_id) AS id FROM sound_corrections
        WHERE number = ? AND sequence > ? AND sequence <= ?) c
    JOIN sound_decisions d ON d.id = c.id JOIN sound_joined j USING (row_id)
    ORDER BY j.position"""


class SqliteCorrections:
    """See storage.corrections.Corrections.

    Args:
        database: of the store.
        decisions: of the store.
        just_joined: forgotten when joined rewards change.
        other: returns what attaches a store beside this one, by its name.
    """

    def __init__(
        self,
        database: Database,
        decisions: StoredDecisions,
        just_joined: JustJoined,
        other: Callable[[str], Attached],
    ) -> None:
        self._database = database
        self._decisions = decisions
        self._just_joined = just_joined
        self._other = other

    def known_reward(
        self, decision_id: str, metric: str, reward_id: str
    ) -> KnownReward | None:
        """See the interface."""
        key = stored_id(decision_id), metric, reward_id
        with self._database.read() as connection:
            row = connection.execute(_KNOWN, key).fetchone()
        return None if row is None else KnownReward(*row)

    def sums(self, number: int) -> CorrectionSums:
        """See the interface."""
        with self._database.read() as connection:
            row = connection.execute(_SUMS, (number, MAIN_METRIC)).fetchone()
        return CorrectionSums(*row)

    def state(self, number: int) -> CorrectionState:
        """See the interface."""
        with self._database.read() as connection:
            return state_of(connection, number)

    def waiting(self) -> list[CorrectionState]:
        """See the interface."""
        with self._database.read() as connection:
            return waiting_states(connection)

    def corrected(self, state: CorrectionState) -> list[ClosedRow]:
        """See the interface."""
        span = state.number, state.learned, state.wanted
        with self._database.read() as connection:
            rows = connection.execute(_CORRECTED, span).fetchall()
            places, found = [], []
            for position, reward, row_id, at_ms, stored, logged in rows:
                try:
                    decision = self._decisions.decode(stored, logged)
                except UnreadableEvent:
                    continue
                places.append((position, reward))
                found.append(FoundRow(decision, row_id, at_ms, stored))
            due = due_decisions(connection, found)
        return [ClosedRow(*place, one) for place, one in zip(places, due, strict=True)]

    def outdated(self, number: int) -> set[int]:
        """See the interface."""
        with self._database.read() as connection:
            return outdated_of(connection, number)

    def learn_again(self, number: int) -> None:
        """See the interface."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE correction_states SET learned = 0 WHERE number = ?", [number]
            )

    def take_over(self, taken: TakeOver) -> bool:
        """See the interface."""
        done = take_over(self._database, self._other(taken.name), taken)
        self._just_joined.forget(taken.number)
        return done
