"""Corrections of rewards that name a unit, inside the transaction of a batch.

Owns what they come to for the decisions that have the reward, and the waiting of one
that comes before its reward. The caller owns the transaction.
"""

import hashlib
import sqlite3
from collections.abc import Callable

import msgspec

from bandit_svc.domain.events.reward import Correction
from bandit_svc.domain.people.unit_fact import UnitReward, UnitValue
from bandit_svc.storage.sqlite.people.credit_tables import AHEAD, UNIT, person_ids
from bandit_svc.storage.sqlite.rows.decisions import shown_id

_KEY_BYTES = 16
_AHEAD = """
    INSERT INTO unit_rewards (key, unit, number, metric, reward_id, value, clipped,
        occurred_at_ms, received_at_ms, corrected_ms, source, state, conflicts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, clipped = excluded.clipped,
        occurred_at_ms = excluded.occurred_at_ms,
        received_at_ms = excluded.received_at_ms, corrected_ms = excluded.corrected_ms
    WHERE excluded.received_at_ms >= received_at_ms"""
_SAME = """
    SELECT position FROM sound_unit_rewards
    WHERE reward_id = ?1 AND metric = ?2 AND number = ?3 AND (source = ?4 OR unit IN
        (SELECT value FROM json_each(?6))) AND state <> ?5"""
_CORRECT = """
    UPDATE unit_rewards SET value = ?2, clipped = ?3, corrected_ms = ?4
    WHERE position = ?1 AND corrected_ms <= ?4"""


class UnitCorrections:
    """The corrections of one transaction."""

    def __init__(
        self, connection: sqlite3.Connection, hash_of: Callable[[str], int]
    ) -> None:
        """Begin with none.

        Args:
            connection: in the transaction.
            hash_of: returns what stands for an id in the tables.
        """
        self._connection = connection
        self._hash = hash_of
        self._corrections: list[UnitReward] = []

    def add(self, fact: UnitReward) -> None:
        """Take a correction, which is applied by `apply`."""
        self._corrections.append(fact)

    def came(self, key: bytes, fact: UnitReward, number: int) -> bool:
        """Take the correction that has come before a reward; return if there is one.

        Its place in the table is free then.

        Args:
            key: of the reward.
            fact: the reward.
            number: of the experiment.
        """
        ahead = self._connection.execute(
            "SELECT value, clipped, occurred_at_ms, received_at_ms FROM"
            " sound_unit_rewards WHERE key = ? AND state = ?",
            (key, AHEAD),
        ).fetchone()
        if ahead is None:
            return False
        value, clipped, occurred_at_ms, received_at_ms = ahead
        self._connection.execute("DELETE FROM unit_rewards WHERE key = ?", (key,))
        self._corrections.append(
            msgspec.structs.replace(
                fact,
                at_ms=received_at_ms,
                occurred_at_ms=occurred_at_ms,
                rewards={number: UnitValue(value, bool(clipped))},
                correction=True,
            )
        )
        return True

    def apply(self) -> list[Correction]:
        """Return the corrections of decisions that those of units come to.

        Call it when the rewards of the batch are in the tables.
        """
        found: list[Correction] = []
        for fact in sorted(self._corrections, key=lambda one: one.at_ms):
            for number, worth in fact.rewards.items():
                found += self._corrected(fact, number, worth)
        return found

    def _corrected(
        self, fact: UnitReward, number: int, worth: UnitValue
    ) -> list[Correction]:
        rows = self._connection.execute(
            _SAME,
            (
                *(fact.reward_id, fact.metric, number, UNIT, AHEAD),
                msgspec.json.encode(
                    person_ids(self._connection, self._hash(fact.unit_id))
                ),
            ),
        ).fetchall()
        if not rows:
            self._keep_ahead(fact, number, worth)
        found: list[Correction] = []
        for (position,) in rows:
            change = position, worth.value + 0.0, int(worth.clipped), fact.at_ms
            if not self._connection.execute(_CORRECT, change).rowcount:
                continue
            decisions = self._connection.execute(
                "SELECT decision_id FROM sound_credits WHERE position = ?", (position,)
            ).fetchall()
            found += [
                Correction(
                    shown_id(decision_id),
                    number,
                    worth.value / len(decisions),
                    fact.reward_id,
                    fact.occurred_at_ms,
                    fact.at_ms,
                    fact.metric,
                    worth.clipped and len(decisions) == 1,
                )
                for (decision_id,) in decisions
            ]
        return found

    def _keep_ahead(self, fact: UnitReward, number: int, worth: UnitValue) -> None:
        """Keep a correction until its reward comes from another part of the log."""
        key = reward_key(UNIT, number, fact.metric, fact.reward_id)
        place = self._hash(fact.unit_id), number, fact.metric, fact.reward_id
        times = fact.occurred_at_ms, fact.at_ms, fact.at_ms
        value = worth.value + 0.0, int(worth.clipped)
        self._connection.execute(_AHEAD, (key, *place, *value, *times, UNIT, AHEAD))


def reward_key(*parts: object) -> bytes:
    """Return what a reward is known by: its experiment, and its id."""
    hashed = hashlib.blake2b(digest_size=_KEY_BYTES, person=b"unit reward")
    for part in parts:
        encoded = str(part).encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()
