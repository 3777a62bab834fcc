"""Decisions, activations and rewards, as ingested from the event log.

Owns the protocol.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import NO_PROGRESS, Place, Progress, Taken
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
        progress: Progress = NO_PROGRESS,
    ) -> IngestOutcome:
        """Keep a batch, the cursors behind it and its damages in one transaction.

        Repeated facts change nothing; a reward before its decision is kept, and
        counted as accepted when the decision comes, or as an orphan by
        `count_orphans`.

        Args:
            arrivals: the facts of the batch.
            cursors: behind it, by partition.
            found: the damages in it.
            progress: of a stream; its `was` has each partition of `cursors` then.

        Raises:
            Unavailable: a cursor is not where `progress` says that it was.
        """

    def sources(self, partitions: Collection[str]) -> Mapping[Place, Taken]:
        """Return up to where the sources of partitions of a stream were taken."""

    def marks(self) -> Mapping[Place, Mark]:
        """Return what the nodes of a stream have last said, by partition and node."""

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
