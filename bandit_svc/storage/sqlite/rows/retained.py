"""Facts about decisions that were dropped from the store.

Owns that nothing changes any more what the archive alone has: a decision that comes
again is a repeated one, and rewards, activations and corrections of it are counted and
not kept. The caller owns the transaction.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from bandit_svc.domain.events.decision import Activation
from bandit_svc.domain.events.reward import Correction, Reward
from bandit_svc.storage.sqlite.archive.dropping import (
    any_dropped,
    position_of_dropped,
    removed_among,
)
from bandit_svc.storage.sqlite.rows.decisions import stored_id
from bandit_svc.storage.sqlite.rows.facts import Ruled

Counts = Counter[tuple[int, str]]
_T = TypeVar("_T")


class Retained:
    """What is left of a batch; `counts` gets what is not."""

    def __init__(self, connection: sqlite3.Connection, counts: Counts) -> None:
        self._connection = connection
        self._counts = counts
        self._any = any_dropped(connection)

    def decisions(self, decisions: Sequence[Ruled]) -> Sequence[Ruled]:
        """Return those that are not dropped."""
        return self._left(
            decisions,
            lambda one: one.stored,
            lambda one: (one.decision.number, "decisions_repeated"),
        )

    def rewards(self, rewards: Sequence[Reward]) -> Sequence[Reward]:
        """Return those of decisions that are not dropped."""
        return self._left(
            rewards,
            lambda one: stored_id(one.decision_id),
            lambda one: (one.number, "rewards_after_retention"),
        )

    def activations(self, activations: Sequence[Activation]) -> Sequence[Activation]:
        """Return those of decisions that are not dropped."""
        return self._left(
            activations, lambda one: stored_id(one.decision_id), lambda _one: None
        )

    def _left(
        self,
        facts: Sequence[_T],
        id_of: Callable[[_T], bytes],
        counted_as: Callable[[_T], tuple[int, str] | None],
    ) -> Sequence[_T]:
        if not self._any or not facts:
            return facts
        gone = removed_among(self._connection, [id_of(one) for one in facts])
        if not gone:
            return facts
        names = (counted_as(one) for one in facts if id_of(one) in gone)
        self._counts.update(name for name in names if name is not None)
        return [one for one in facts if id_of(one) not in gone]


def corrections_left(
    connection: sqlite3.Connection, corrections: Sequence[Correction], counts: Counts
) -> Sequence[Correction]:
    """Return those of decisions that are not dropped; count the others."""
    if not corrections or not any_dropped(connection):
        return corrections
    left = []
    for one in corrections:
        if position_of_dropped(connection, stored_id(one.decision_id)) is None:
            left.append(one)
        else:
            counts[one.number, "rewards_uncorrected"] += 1
    return left
