"""Joined decisions that the archive alone has, as the store reads them.

Owns which file has a position; see storage.archive.below.Below. Files are those that
the store has recorded.
"""

import threading
from collections.abc import Collection
from typing import Final

from bandit_svc.archive.names import FileName
from bandit_svc.archive.rows import ArchivedRows, WholeRow
from bandit_svc.archive.target import ArchiveTarget
from bandit_svc.archive.units import lines_of_units
from bandit_svc.domain.slots.places import slot_decision
from bandit_svc.errors import Unprocessable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.ranges import Made
from bandit_svc.storage.rows import (
    ClosedRow,
    DecisionView,
    DueDecision,
    JoinedRow,
    RewardRow,
)

_NO_ROW: Final = 0


class DroppedRows:
    """See storage.archive.below.Below. Thread-safe."""

    def __init__(self, storage: Storage, target: ArchiveTarget) -> None:
        """Describe them.

        Args:
            storage: which has recorded the files.
            target: the archive.
        """
        self._storage = storage
        self._target = target
        self._rows = ArchivedRows(target)
        self._files: dict[int, list[FileName]] = {}
        self._lock = threading.Lock()

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """See the interface; what is behind the last dropped one is the store's."""
        found: list[JoinedRow] = []
        with self._lock:
            while (file := self._file_behind(number, position)) is not None:
                rows = self._rows.after(file, position, limit - len(found))
                found += rows
                if len(found) == limit:
                    return found
                position = rows[-1].position if rows else file.last
        return found + self._storage.joins.after(number, position, limit - len(found))

    def closed_after(
        self, number: int, position: int, limit: int, made: Made
    ) -> list[ClosedRow]:
        """See the interface."""
        found: list[ClosedRow] = []
        while (file := self._file_behind(number, position)) is not None:
            for rows in self._rows.whole(file, position):
                found += [_closed(row) for row in rows if _is_of(row, made)]
                if len(found) >= limit:
                    return found[:limit]
            position = file.last
        return found

    def view(self, number: int, position: int, slot: int) -> DecisionView | None:
        """See the interface."""
        file = self._file_behind(number, position - 1)
        if file is None:
            return None
        row = self._rows.one(file, position)
        return None if row is None else _view(row, slot)

    def decisions_of(self, ids: Collection[str]) -> list[str]:
        """See the interface."""
        return [
            decision.id
            for experiment in self._storage.experiments.all()
            for file in self.files(experiment.number)
            for _, decision in lines_of_units(self._target, file, ids)
        ]

    def files(self, number: int) -> list[FileName]:
        """Return the files of an experiment's dropped decisions, by position."""
        dropped = self._storage.archived.dropped(number)
        if not dropped:
            return []
        known = self._files.get(number)
        if known is None or known[-1].last != dropped:
            experiment = self._storage.experiments.numbered(number)
            key = "" if experiment is None else experiment.key
            known = self._files[number] = [
                FileName(key, file.day, file.first, file.last)
                for file in self._storage.archived.files(number)
                if file.last <= dropped
            ]
            _check_whole(number, known, dropped)
        return known

    def _file_behind(self, number: int, position: int) -> FileName | None:
        files = self.files(number)
        return next((file for file in files if file.last > position), None)


def _check_whole(number: int, files: list[FileName], dropped: int) -> None:
    """Require that every dropped position is in a file.

    Raises:
        Unprocessable: records of files are missing or damaged.
    """
    reached = 0
    for file in files:
        if file.first != reached + 1:
            break
        reached = file.last
    if reached < dropped:
        raise Unprocessable(
            f"the joined positions {reached + 1:,} to {dropped:,} of the experiment of "
            f"number {number} were dropped from the store, and no file of the archive "
            "is recorded for them; restore the data folder, whole, from a copy"
        )


def _is_of(row: WholeRow, made: Made) -> bool:
    besides = row.besides
    return (
        made.from_ms <= besides.exposed_at_ms < made.to_ms
        and besides.joined_at_ms <= made.joined_by_ms
    )


def _closed(row: WholeRow) -> ClosedRow:
    decision, joined = row.decision, row.joined
    # In the order of the keys of their rows.
    rewards = sorted(
        row.besides.rewards, key=lambda one: (one.slot, one.metric, one.reward_id)
    )
    values = [(one.slot, _value_of(one)) for one in rewards]
    due = DueDecision(
        _NO_ROW,
        decision.id,
        decision.number,
        decision.revision,
        decision.group,
        decision.variant,
        row.besides.exposed_at_ms,
        tuple(value for slot, value in values if not slot),
        decision,
        tuple((slot, value) for slot, value in values if slot),
    )
    return ClosedRow(joined.position, joined.reward, due)


def _value_of(one: RewardRow) -> tuple[str, str, float, int, int]:
    times = one.occurred_at_ms, one.received_at_ms
    return (one.metric, one.reward_id, one.value, *times)


def _view(row: WholeRow, slot: int) -> DecisionView | None:
    """Return a decision as a look-up shows it, or a slot of a page."""
    decision, joined, besides = row.decision, row.joined, row.besides
    shown = slot_decision(decision, slot) if slot else decision
    if shown is None:
        return None
    reward, rewards = joined.reward, besides.rewards
    if slot:
        rewards = tuple(one for one in rewards if one.slot == slot)
        reward = reward if joined.slots is None else joined.slots[slot]
    return DecisionView(
        decision=shown,
        state="joined",
        exposed_at_ms=besides.exposed_at_ms,
        closes_at_ms=besides.exposed_at_ms + besides.closes_after_ms,
        rewards=rewards,
        joined_reward=reward,
        joined_position=joined.position,
    )
