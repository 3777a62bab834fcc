"""Decisions, activations and rewards, as ingested from the event log.

Owns the protocol.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from bandit_svc.storage.rows import (
    Arrival,
    Cursors,
    DecisionView,
    FoundDamages,
    IngestOutcome,
    OrphanRow,
    ReleasedCount,
    Totals,
)

NO_DAMAGES: Final = FoundDamages()


class Facts(Protocol):
    """Decisions, activations and rewards, as ingested from the event log."""

    def cursors(self) -> Cursors:
        """Return the committed cursor of each partition."""

    def ingest(
        self,
        arrivals: Sequence[Arrival],
        cursors: Cursors,
        found: FoundDamages = NO_DAMAGES,
    ) -> IngestOutcome:
        """Keep a batch, the cursors behind it and its damages in one transaction.

        Repeated facts change nothing; a reward before its decision is kept, and
        counted as accepted when the decision comes, or as an orphan by
        `count_orphans`.
        """

    def count_orphans(self, now_ms: int) -> IngestOutcome:
        """Count rewards that have stayed without their decision, each of them once."""

    def forget_partition(self, partition: str) -> None:
        """Drop the cursor of a partition that the log has deleted; count its facts."""

    def released(self) -> ReleasedCount:
        """Return how many facts were in the partitions that were forgotten."""

    def keep_released(self, count: ReleasedCount, found: FoundDamages) -> None:
        """Replace that count, and keep what was found thereby, in one transaction."""

    def decision(self, decision_id: str) -> DecisionView | None:
        """Return one decision with its rewards, or None."""

    def orphans(self, number: int, limit: int) -> list[OrphanRow]:
        """Return rewards whose decision is unknown, newest first."""

    def totals(self, number: int) -> Totals:
        """Return the counts of one experiment."""

    def metric_names(self, number: int) -> set[str]:
        """Return the names of secondary metrics that rewards have come with."""

    def check(self) -> list[str]:
        """Return one sentence for each fault in the stored facts."""
