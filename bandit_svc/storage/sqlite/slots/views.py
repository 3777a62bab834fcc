"""Pages and their slots as they are looked up, with their rewards.

Owns the SQL of the rewards that a decision is shown with, in the caller's transaction.
"""

import sqlite3
from typing import Any

from msgspec.structs import replace

from bandit_svc.domain.slots.places import slot_decision
from bandit_svc.storage.rows import DecisionView, RewardRow
from bandit_svc.storage.sqlite.people.credit_tables import SOURCES
from bandit_svc.storage.sqlite.rows.decisions import stored_places
from bandit_svc.storage.sqlite.slots.joined import joined_slots

REWARDS_OF = (
    "SELECT metric, reward_id, r.value, occurred_at_ms, r.received_at_ms,"
    " late, conflicts, nullif(first_value, r.value), source"
    " FROM sound_rewards r"
    " LEFT JOIN sound_corrections USING (decision_id, metric, reward_id)"
    " LEFT JOIN sound_credits USING (decision_id, metric, reward_id)"
    " WHERE decision_id = ? ORDER BY r.received_at_ms, metric, reward_id"
)


def reward_row_of(row: tuple[Any, ...], slot: int = 0) -> RewardRow:
    """Return a reward of REWARDS_OF; `slot` is the one that it names."""
    metric, reward_id, value, occurred_at_ms, received_at_ms, late, *rest = row
    conflicts, corrected_from, source = rest
    return RewardRow(
        metric=metric,
        reward_id=reward_id,
        value=value,
        occurred_at_ms=occurred_at_ms,
        received_at_ms=received_at_ms,
        late=bool(late),
        conflicts=conflicts,
        corrected_from=corrected_from,
        source="decision" if source is None else SOURCES[source],
        slot=slot,
    )


def page_view(
    connection: sqlite3.Connection, view: DecisionView, slot: int, row_id: int
) -> DecisionView | None:
    """Return a page with the rewards of all its slots, or one slot with its own.

    Args:
        connection: in the transaction.
        view: of the page, without rewards.
        slot: its number, or 0 for the page; None is returned for one that it lacks.
        row_id: of the page.
    """
    places = stored_places(view.decision)
    wanted = range(len(places)) if not slot else [slot]
    decision = slot_decision(view.decision, slot) if slot else view.decision
    if decision is None:
        return None
    rewards = [
        reward_row_of(row, at)
        for at in wanted
        for row in connection.execute(REWARDS_OF, places[at]).fetchall()
    ]
    earned = view.joined_reward
    if slot and earned is not None:
        parts = joined_slots(connection, [row_id]).get(row_id)
        earned = None if parts is None else parts[slot]
    return replace(
        view, decision=decision, rewards=tuple(rewards), joined_reward=earned
    )
