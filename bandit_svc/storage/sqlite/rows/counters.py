"""Add to the counters of the experiments.

Owns the table counters, and what of refused facts is counted: they change no row.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence

from bandit_svc.domain.events.decision import Repeat
from bandit_svc.domain.events.refusal import Refusal, Withdrawal
from bandit_svc.storage.sqlite.rows.known import known_decisions, place_of


def add_counts(
    connection: sqlite3.Connection, counts: Counter[tuple[int, str]]
) -> None:
    """Add to the counters of the experiments, in the caller's transaction."""
    connection.executemany(
        "INSERT INTO counters VALUES (?, ?, ?, NULL) ON CONFLICT (number, name)"
        " DO UPDATE SET value = value + excluded.value",
        [(number, name, value) for (number, name), value in counts.items()],
    )


def count_refused(
    connection: sqlite3.Connection,
    refusals: Sequence[Refusal | Repeat | Withdrawal],
) -> Counter[tuple[int, str]]:
    """Return what is counted of them, by the group of the decision.

    Args:
        connection: of the transaction that keeps what they tell.
        refusals: what was read; withdrawals among it are not counted here.
    """
    counts: Counter[tuple[int, str]] = Counter()
    counted = [one for one in refusals if not isinstance(one, Withdrawal)]
    known = known_decisions(connection, [one.decision_id for one in counted])
    for refusal in counted:
        of = place_of(known.get(refusal.decision_id))
        names = [f"repeats_{of}"]
        if isinstance(refusal, Refusal):
            names = [f"rewards_refused_{of}", f"refused_for_{refusal.field}"]
        counts.update((refusal.number, name) for name in names)
    return counts
