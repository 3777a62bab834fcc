"""Decisions that were kept and never answered.

Owns what follows from a withdrawal: the decision is left out of learning and of the
report, as one whose variant is not known. For one transaction of ingestion.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

from bandit_svc.domain.events.decision import Repeat
from bandit_svc.domain.events.refusal import Refusal, Withdrawal
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, stored_id
from bandit_svc.storage.sqlite.rows.facts import decision_change
from bandit_svc.storage.sqlite.rows.states import AMBIGUOUS, DEFERRED, EXPOSED, OPEN

_WITHDRAW: Final = decision_change({"state": "?2"}, "id = ?1")


def withdraw(
    connection: sqlite3.Connection,
    decisions: StoredDecisions,
    refusals: Sequence[Refusal | Repeat | Withdrawal],
) -> Counter[tuple[int, str]]:
    """Leave decisions out that nobody saw; return what is counted.

    Args:
        connection: of the transaction.
        decisions: reads what is stored.
        refusals: what was read after the decisions; withdrawals among it count.
    """
    counts: Counter[tuple[int, str]] = Counter()
    for withdrawal in refusals:
        if not isinstance(withdrawal, Withdrawal):
            continue
        found = connection.execute(
            "SELECT state, id, logged FROM sound_decisions WHERE id = ?",
            (stored_id(withdrawal.decision_id),),
        ).fetchone()
        if found is None:
            continue
        state, *kept = found
        if state not in {DEFERRED, OPEN}:
            continue
        counts[withdrawal.number, "decisions_withdrawn"] += 1
        change = stored_id(withdrawal.decision_id), AMBIGUOUS
        connection.execute(_WITHDRAW, change)
        if state == OPEN:
            group = decisions.decode(*kept).group
            counts[withdrawal.number, EXPOSED[group]] -= 1
    return counts
