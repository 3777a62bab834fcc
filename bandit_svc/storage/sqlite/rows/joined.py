"""Decisions that are due or joined, with their rewards, as they are read.

Owns the SQL of many decisions' rewards, in the caller's transaction.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.storage.rows import DueDecision

_REWARDS = """
    SELECT decision_id, metric, reward_id, value, occurred_at_ms, received_at_ms
    FROM sound_rewards WHERE decision_id IN ({})
    ORDER BY decision_id, metric, reward_id"""
_IDS_AT_ONCE = 1_000
RewardValues = tuple[str, str, float, int, int]
"""(metric, reward_id, value, occurred_at_ms, received_at_ms)"""


class ReadableRow(NamedTuple):
    """A joined decision; `stored` is its id as the store keeps it."""

    position: int
    reward: float
    learnable: int
    row_id: int
    at_ms: int
    stored: bytes
    decision: Decision


def due_decision(
    decision: Decision, row_id: int, at_ms: int, rewards: Iterable[RewardValues]
) -> DueDecision:
    """Return a decision as the join closes it."""
    return DueDecision(
        row_id,
        decision.id,
        decision.number,
        decision.revision,
        decision.group,
        decision.variant,
        at_ms,
        tuple(rewards),
        decision,
    )


def rewards_of(
    connection: sqlite3.Connection, ids: Sequence[bytes]
) -> dict[bytes, list[RewardValues]]:
    """Return the rewards of some decisions, in the order of their keys."""
    found: dict[bytes, list[RewardValues]] = {}
    for begin in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[begin : begin + _IDS_AT_ONCE]
        for stored, *row in connection.execute(
            _REWARDS.format(", ".join("?" * len(some))), some
        ):
            metric, reward_id, value, occurred_at_ms, received_at_ms = row
            found.setdefault(stored, []).append(
                (metric, reward_id, value, occurred_at_ms, received_at_ms)
            )
    return found
