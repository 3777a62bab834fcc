"""Corrected rewards, as they are read; see storage.corrections.Corrections."""

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.storage.corrections import CorrectionSums, KnownReward
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.rows.decisions import stored_id

_KNOWN = """
    SELECT r.value, coalesce(c.received_at_ms, 0) FROM sound_rewards r
    LEFT JOIN sound_corrections c USING (decision_id, metric, reward_id)
    WHERE r.decision_id = ? AND r.metric = ? AND r.reward_id = ?"""
_SUMS = """
    SELECT coalesce(sum(value <> first_value), 0),
        coalesce(sum(value - first_value), 0.0), max(received_at_ms)
    FROM sound_corrections
    WHERE number = ? AND metric = ? AND first_value IS NOT NULL"""


class SqliteCorrections:
    """See storage.corrections.Corrections."""

    def __init__(self, database: Database) -> None:
        self._database = database

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
