"""Pages and their slots as they are looked up, with their rewards.

Owns the SQL of the rewards that a decision is shown with, in the caller's transaction.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.slots.places import slot_decision
from bandit_svc.storage.rows import DecisionView, RewardRow
from bandit_svc.storage.sqlite.people.credit_tables import SOURCES
from bandit_svc.storage.sqlite.rows.decisions import stored_places
from bandit_svc.storage.sqlite.slots.joined import joined_slots

_COLUMNS = (
    "metric, reward_id, r.value, occurred_at_ms, r.received_at_ms,"
    " late, conflicts, nullif(first_value, r.value), source"
)
_FROM = (
    " FROM sound_rewards r"
    " LEFT JOIN sound_corrections USING (decision_id, metric, reward_id)"
    " LEFT JOIN sound_credits USING (decision_id, metric, reward_id)"
)
_ORDER = "r.received_at_ms, metric, reward_id"
REWARDS_OF = f"SELECT {_COLUMNS}{_FROM} WHERE decision_id = ? ORDER BY {_ORDER}"
_IDS_AT_ONCE = 500


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


def reward_values(
    connection: sqlite3.Connection, ids: Sequence[bytes]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rewards of ids of decisions and slots, each behind its id.

    Args:
        connection: in the transaction.
        ids: as they are stored.
    """
    for begin in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[begin : begin + _IDS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        yield from connection.execute(
            f"SELECT decision_id, {_COLUMNS}{_FROM} WHERE decision_id IN ({marks})"
            f" ORDER BY decision_id, {_ORDER}",
            some,
        ).fetchall()


def rewards_of_decisions(
    connection: sqlite3.Connection, decisions: Sequence[Decision]
) -> dict[str, tuple[RewardRow, ...]]:
    """Return the rewards of decisions as look-ups show them, by id.

    Those of a page have all that was reported for it and for its slots.
    """
    places = {
        stored: (one.id, slot)
        for one in decisions
        for slot, (stored,) in enumerate(stored_places(one))
    }
    found: dict[str, list[RewardRow]] = {}
    for stored, *row in reward_values(connection, list(places)):
        decision_id, slot = places[stored]
        found.setdefault(decision_id, []).append(reward_row_of(tuple(row), slot))
    return {
        # The order of slots is that of a page's look-up.
        decision_id: tuple(sorted(rewards, key=lambda one: one.slot))
        for decision_id, rewards in found.items()
    }


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
