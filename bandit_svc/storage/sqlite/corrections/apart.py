"""Corrections of decisions that were made without consent.

Owns the change of their sums. These decisions are in no joined order, so that nothing
is made anew: the difference is added. The caller owns the transaction.
"""

import sqlite3

import msgspec

from bandit_svc.domain.events.attribution import joined_reward
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.experiment import Definition
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions

_DECISION = "SELECT id, logged, at_ms FROM sound_decisions WHERE id = ?"
_DEFINITION = """
    SELECT definition FROM sound_revisions WHERE number = ?1 AND revision = ?2
    UNION ALL SELECT definition FROM sound_experiments
    WHERE number = ?1 AND revision = ?2 LIMIT 1"""
_REWARDS = """
    SELECT value, reward_id, occurred_at_ms, received_at_ms FROM sound_rewards
    WHERE decision_id = ? AND metric = ? ORDER BY reward_id"""


def correct_apart(
    connection: sqlite3.Connection,
    decisions: StoredDecisions,
    stored: bytes,
    reward_id: str,
    value: float,
) -> None:
    """Add what a new value of a reward changes; call it before the value is stored.

    Args:
        connection: in the transaction.
        decisions: of the store.
        stored: the id of the decision, as it is stored.
        reward_id: of the reward of the main metric.
        value: its new one.
    """
    row = connection.execute(_DECISION, (stored,)).fetchone()
    if row is None:
        return
    *kept, at_ms = row
    try:
        decision = decisions.decode(*kept)
    except UnreadableEvent:
        return
    found = connection.execute(
        _DEFINITION, (decision.number, decision.revision)
    ).fetchone()
    if found is None:
        return
    definition = msgspec.json.decode(found[0], type=Definition)
    rewards = [
        Reward(decision.id, decision.number, *one)
        for one in connection.execute(_REWARDS, (stored, MAIN_METRIC)).fetchall()
    ]
    corrected = [
        msgspec.structs.replace(one, value=value) if one.reward_id == reward_id else one
        for one in rewards
    ]
    before, after = (
        joined_reward(some, at_ms, definition.reward).value
        for some in (rewards, corrected)
    )
    connection.execute(
        "UPDATE apart_sums SET total = total + ?, total_squares = total_squares + ?"
        " WHERE number = ? AND grp = ?",
        (
            after - before,
            after * after - before * before,
            decision.number,
            decision.group,
        ),
    )
