"""The joined order as it is with the corrected rewards.

Owns which corrected decisions there are and what their reward becomes. The rewards in
the store stay as they are until all that follows from them is taken over.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.parts.closing import close_decision
from bandit_svc.storage.corrections import CorrectionState, JoinedChange
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.joined.joins import JoinedOrder
from bandit_svc.storage.ranges import ALWAYS, Made
from bandit_svc.storage.rows import ClosedRow, JoinedRow


def changes_of(
    storage: Storage, definitions: Definitions, state: CorrectionState
) -> list[JoinedChange]:
    """Return the pending corrections of an experiment as changes of joined decisions.

    One whose revision is damaged in the store is left out.
    """
    found = []
    for row in storage.corrections.corrected(state):
        definition = definitions.at(row.due.number, row.due.revision)
        if definition is not None:
            closed = close_decision(row.due, definition)
            values = closed.reward, closed.counted, closed.slots
            found.append(JoinedChange(row.position, *values))
    return found


class CorrectedOrder:
    """The joined decisions of one experiment, some with another reward.

    Attributes:
        changes: by position.
    """

    def __init__(self, joins: JoinedOrder, changes: Iterable[JoinedChange]) -> None:
        self._joins = joins
        self.changes: Mapping[int, JoinedChange] = {c.position: c for c in changes}

    @property
    def first(self) -> int | None:
        """The position of the first change; None without one."""
        return min(self.changes, default=None)

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """See storage.joined.joins.JoinedOrder."""
        rows = self._joins.after(number, position, limit)
        return [
            row
            if (change := self.changes.get(row.position)) is None
            else _changed(row, change)
            for row in rows
        ]

    def closed_after(
        self, number: int, position: int, limit: int, made: Made = ALWAYS
    ) -> list[ClosedRow]:
        """See storage.joined.joins.JoinedOrder."""
        rows = self._joins.closed_after(number, position, limit, made)
        return [
            row
            if (change := self.changes.get(row.position)) is None
            else row._replace(reward=change.reward + 0.0)
            for row in rows
        ]

    def last_position(self, number: int) -> int:
        """See storage.joined.joins.JoinedOrder."""
        return self._joins.last_position(number)


def _changed(row: JoinedRow, change: JoinedChange) -> JoinedRow:
    slots = row.slots
    if change.slots is not None:
        slots = tuple([reward + 0.0 for reward in change.slots])
    return msgspec.structs.replace(row, reward=change.reward + 0.0, slots=slots)


def changes_from(listed: Sequence[Sequence[Any]]) -> list[JoinedChange]:
    """Return changes as a job's result holds them, in JSON."""
    return [JoinedChange(*one) for one in listed]
