"""Decisions that are due or joined, with their rewards, as they are read.

Owns the SQL of many decisions' rewards, in the caller's transaction.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_id import raw_slot_id
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


class FoundRow(NamedTuple):
    """A decision with what a row says of it besides; `stored` is its id."""

    decision: Decision
    row_id: int
    at_ms: int
    stored: bytes


def due_decisions(
    connection: sqlite3.Connection, rows: Sequence[FoundRow]
) -> list[DueDecision]:
    """Return decisions as the join closes them, with their rewards.

    Args:
        connection: in the transaction.
        rows: of the decisions.
    """
    ids = [row.stored for row in rows]
    for row in rows:
        if row.decision.slots is not None:
            ids += _slot_ids(row)
    rewards = rewards_of(connection, ids)
    return [_due_decision(row, rewards) for row in rows]


def _due_decision(
    row: FoundRow, rewards: dict[bytes, list[RewardValues]]
) -> DueDecision:
    decision = row.decision
    of_slots: tuple[tuple[int, RewardValues], ...] = ()
    if decision.slots is not None:
        of_slots = tuple(
            (slot, reward)
            for slot, stored in enumerate(_slot_ids(row), 1)
            for reward in rewards.get(stored, ())
        )
    return DueDecision(
        row.row_id,
        decision.id,
        decision.number,
        decision.revision,
        decision.group,
        decision.variant,
        row.at_ms,
        tuple(rewards.get(row.stored, ())),
        decision,
        of_slots,
    )


def _slot_ids(row: FoundRow) -> list[bytes]:
    page = row.decision.slots
    count = 0 if page is None else page.count
    return [raw_slot_id(row.stored, slot) for slot in range(1, count + 1)]


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
