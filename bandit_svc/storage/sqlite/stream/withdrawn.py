"""Decisions that were kept and never answered.

Owns what follows from a withdrawal: the decision is left out of learning and of the
report, as one whose variant is not known, unless its answer went out after all: a
request that was sent again got it. The two facts come from two machines, in any order.
For one transaction of ingestion.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

from bandit_svc.domain.events.decision import Decision, Repeat
from bandit_svc.domain.events.refusal import Refusal, Withdrawal
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, stored_id
from bandit_svc.storage.sqlite.rows.facts import decision_change
from bandit_svc.storage.sqlite.rows.states import DEFERRED, EXPOSED, OPEN, WITHDRAWN

_SET_STATE: Final = decision_change({"state": "?2"}, "id = ?1")
_COUNTER: Final = "decisions_withdrawn"

Counts = Counter[tuple[int, str]]


def withdraw(
    connection: sqlite3.Connection,
    decisions: StoredDecisions,
    refusals: Sequence[Refusal | Repeat | Withdrawal],
) -> Counts:
    """Leave decisions out that nobody saw; return what is counted.

    Args:
        connection: of the transaction.
        decisions: reads what is stored.
        refusals: what was read after the decisions; withdrawals among it count.
    """
    counts: Counts = Counter()
    for withdrawal in refusals:
        if not isinstance(withdrawal, Withdrawal):
            continue
        key = stored_id(withdrawal.decision_id)
        found = connection.execute(
            "SELECT state, id, logged FROM sound_decisions WHERE id = ?", (key,)
        ).fetchone()
        if found is None:
            continue
        state, *kept = found
        if state not in {DEFERRED, OPEN}:
            continue
        decision = decisions.decode(*kept)
        if _is_of_another(withdrawal, decision) or _was_answered(connection, key):
            continue
        counts[withdrawal.number, _COUNTER] += 1
        connection.execute(_SET_STATE, (key, WITHDRAWN))
        if state == OPEN:
            counts[withdrawal.number, EXPOSED[decision.group]] -= 1
    return counts


def take_back(connection: sqlite3.Connection, decision: Decision) -> Counts:
    """Undo the withdrawal of a decision that was answered; return what is counted."""
    state = DEFERRED if decision.deferred else OPEN
    connection.execute(_SET_STATE, (stored_id(decision.id), state))
    counts: Counts = Counter({(decision.number, _COUNTER): -1})
    if state == OPEN:
        counts[decision.number, EXPOSED[decision.group]] += 1
    return counts


def _is_of_another(withdrawal: Withdrawal, decision: Decision) -> bool:
    """Return whether another try of a request was given up than the one kept.

    All tries of a request_id have one id; each has a time of its own.
    """
    at_ms = withdrawal.withdrawn_at_ms
    return decision.request_id is not None and decision.decided_at_ms != at_ms


def _was_answered(connection: sqlite3.Connection, key: bytes | str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM sound_activations WHERE decision_id = ?", (key,)
    ).fetchone()
    return found is not None
