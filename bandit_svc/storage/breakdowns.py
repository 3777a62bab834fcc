"""Breakdowns of a report: sums by time, latency, unit and chance.

Owns the protocol that every backend implements; see storage.interface.
"""

from typing import Protocol

from bandit_svc.storage.rows import (
    CalibrationRow,
    DriftRow,
    HistoryRow,
    LatencyRow,
    UnitRow,
)


class Breakdowns(Protocol):
    """Sums of the joined decisions by time and latency.

    `Joins.close` adds to them in its own transaction, and `Facts.ingest` adds the
    rewards that came after the closing. Their number does not grow with the log.
    """

    def history(self, number: int) -> list[HistoryRow]:
        """Return the sums of at most 200 stretches of time, oldest first.

        All stretches are equally long. When there are more than 200, they become
        twice as long and neighbours are added up, so that no sum is lost.
        """

    def latencies(self, number: int) -> list[LatencyRow]:
        """Return the counts of rewards by latency, shortest first."""

    def units(self, number: int) -> list[UnitRow]:
        """Return the counts of units by group at each look, and the current ones.

        `Facts.ingest` counts each unit at its first exposed decision, in the group
        that it had then; a decision without a unit counts by itself. Looks are at
        fixed numbers of units, some 35 for each doubling. The one thing that grows
        with the log is a hash of each unit, which is never given back.
        """

    def calibration(self, number: int) -> list[CalibrationRow]:
        """Return the sums of at most 16 blocks of model versions, oldest first."""

    def drift(self, number: int) -> list[DriftRow]:
        """Return at most 16 stretches of the joined order, oldest first.

        The newest are short and the oldest long; keys and values are those of
        domain.segment, and of a key with too many values only whether it was there.
        They count the decisions that the sums of the uplift count.
        """
