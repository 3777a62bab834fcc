"""Decisions as a reward needs to know them.

Owns the reading of many of them at once, in the caller's transaction.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision_id import page_of, split_slot
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Group
from bandit_svc.storage.sqlite.rows.decisions import shown_id, stored_id
from bandit_svc.storage.sqlite.rows.states import APART, APART_OPEN

_KNOWN = """
    SELECT id, state, baseline, on_first_reward, at_ms, window_ms, closes_after_ms
    FROM sound_decisions WHERE id IN ({})"""
_IDS_AT_ONCE = 500


class KnownDecision(NamedTuple):
    """What a reward needs to know of its decision."""

    state: int
    is_baseline: bool
    on_first_reward: bool
    exposed_at_ms: int
    window_ms: int
    closes_after_ms: int

    @property
    def group(self) -> Group:
        """The group of the decision."""
        return BASELINE if self.is_baseline else TREATMENT

    @property
    def is_apart(self) -> bool:
        """True if it was made without consent."""
        return self.state in {APART_OPEN, APART}

    @property
    def closes_at_ms(self) -> int:
        """When its last reward may be received."""
        return self.exposed_at_ms + self.closes_after_ms


def place_of(known: KnownDecision | None) -> str:
    """Return the last word of a counter: the group, if the decision is known."""
    return "orphan" if known is None else known.group


def known_decisions(
    connection: sqlite3.Connection, ids: Sequence[str]
) -> dict[str, KnownDecision]:
    """Return what a reward needs to know of its decision, by id."""
    stored = [page_of(stored_id(decision_id)) for decision_id in ids]
    found: dict[str, KnownDecision] = {}
    for begin in range(0, len(stored), _IDS_AT_ONCE):
        some = stored[begin : begin + _IDS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        for row in connection.execute(_KNOWN.format(marks), some):
            found[shown_id(row[0])] = KnownDecision(*row[1:])
    for decision_id in ids:
        if decision_id not in found:
            # What is known of a slot is known of its page.
            page = found.get(split_slot(decision_id)[0])
            if page is not None:
                found[decision_id] = page
    return found
