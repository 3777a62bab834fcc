"""Where facts are kept, and what is derived from them.

Owns the protocols that every backend implements, one a noun. Each method that
writes is one transaction: it happens whole or not at all. Times are
milliseconds since the epoch, UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta, VersionAge
from bandit_svc.storage.archive.archived import Archived
from bandit_svc.storage.breakdowns import Breakdowns
from bandit_svc.storage.clock import Clock
from bandit_svc.storage.control.leases import Leases
from bandit_svc.storage.corrections import Corrections
from bandit_svc.storage.credits import Credits
from bandit_svc.storage.damages import Damages
from bandit_svc.storage.doors.corrected import Corrected
from bandit_svc.storage.doors.sources import Sources
from bandit_svc.storage.imports.kept import Imports
from bandit_svc.storage.jobs import Jobs
from bandit_svc.storage.keys import EndedSessions, Keys
from bandit_svc.storage.overview import Overview
from bandit_svc.storage.privacy import Apart, Privacy
from bandit_svc.storage.programmes.programmes import Programmes
from bandit_svc.storage.programmes.reservations import Reservations
from bandit_svc.storage.programmes.totals import ProgrammeTotals
from bandit_svc.storage.ranges import ALWAYS, Made
from bandit_svc.storage.rows import (
    Arrival,
    ClosedDecision,
    ClosedRow,
    Cursors,
    DecisionView,
    DueDecision,
    EvaluationChanges,
    EvaluationRow,
    FoundDamages,
    IngestOutcome,
    JoinedRow,
    JoinSums,
    OrphanRow,
    ReleasedCount,
    Revision,
    RewardModelRow,
    Tally,
    Totals,
    UpliftSums,
)
from bandit_svc.storage.slots.tallies import SlotTallies
from bandit_svc.storage.splits.kept import Splits
from bandit_svc.storage.units import StickyChoices, UnitFacts, Units

NO_SUMS = JoinSums()
NO_DAMAGES = FoundDamages()


class Experiments(Protocol):
    """Definitions and their revisions."""

    def create(self, definition: Definition, salt: str, now_ms: int) -> Experiment:
        """Store revision 1 of a new experiment.

        Raises:
            Conflict: the key is taken.
        """

    def revise(
        self,
        experiment: Experiment,
        definition: Definition,
        now_ms: int,
        note: str = "",
    ) -> Experiment:
        """Store the next revision; the older ones stay.

        Args:
            note: who or what made it and why, kept beside it.

        Raises:
            Conflict: somebody revised it since `experiment` was read.
        """

    def get(self, key: str) -> Experiment:
        """Return the current revision.

        Raises:
            NotFound: there is no experiment of that key.
        """

    def all(self) -> list[Experiment]:
        """Return the current revision of each, oldest experiment first."""

    def revisions(self, number: int) -> list[Revision]:
        """Return every definition that an experiment has had, oldest first."""

    def at_revision(self, number: int, revision: int) -> Definition | None:
        """Return an earlier definition, or None."""

    def numbered(self, number: int) -> Experiment | None:
        """Return the current revision of the experiment with a number, or None."""

    def version(self) -> int:
        """Return a number that differs after any change to experiments or keys.

        Cheap enough for every request (well under a microsecond embedded).
        """


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


class JoinedOrder(Protocol):
    """Matured decisions with their reward, as they are read in a recorded order."""

    def after(self, number: int, position: int, limit: int) -> list[JoinedRow]:
        """Return joined decisions of one experiment after a position, in order.

        Those that are damaged are left out, and kept as damages; an empty list means
        that there are no more.
        """

    def closed_after(
        self, number: int, position: int, limit: int, made: Made = ALWAYS
    ) -> list[ClosedRow]:
        """Return joined decisions after a position as they were due, in order.

        Args:
            made: which of them; all by default.
        """

    def last_position(self, number: int) -> int:
        """Return the last joined position, 0 if there is none."""


class Joins(JoinedOrder, Protocol):
    """The same, as it is written, and the sums that follow it."""

    def due(self, now_ms: int, limit: int) -> list[DueDecision]:
        """Return open decisions that are ready, by readiness and id.

        Those that are damaged are left out, and kept as damages.
        """

    def set_aside(self, row_ids: Sequence[int]) -> None:
        """Take open decisions that can't be joined out of those that are due."""

    def close(
        self,
        closed: Sequence[ClosedDecision],
        now_ms: int,
        sums: JoinSums = NO_SUMS,
    ) -> None:
        """Append to the joined order, mark as joined and add to the sums."""

    def add_sums(self, closed: Sequence[ClosedDecision], sums: JoinSums) -> None:
        """Add decisions to the sums of their rewards alone, in their joined order.

        The sums of their times and of their logged chances stay as they are.
        """

    def last_positions(self) -> Mapping[int, int]:
        """Return the last joined position of each experiment that has one."""

    def waiting_since_ms(self, number: int, position: int, now_ms: int) -> int | None:
        """Return since when the oldest decision that can be learned from waits.

        Either one that is ready and not joined, or a learnable one that is joined
        behind `position`, the model's cursor; None where nothing waits.
        """

    def tallies(self, number: int) -> list[Tally]:
        """Return the sums; their number does not grow with the log."""

    def adjusted(self, number: int) -> bytes | None:
        """Return the state of the adjusted uplift after the last join, or None."""

    def uplift(self, number: int) -> bytes | None:
        """Return the state of the uplift's sums, or None if there are none."""

    def save_uplift(self, number: int, sums: UpliftSums) -> None:
        """Replace the uplift's sums and the states of the units that changed."""

    def method_changed_at_ms(self, number: int) -> int | None:
        """Return when the uplift became one by unit; None if it always was."""

    def unit_states(self, number: int, units: Collection[int]) -> Mapping[int, bytes]:
        """Return the states of those units, by their hash, that have one."""


class ModelVersions(Protocol):
    """Published model versions."""

    def latest_versions(self) -> Mapping[int, int]:
        """Return the newest version of each experiment number that has one."""

    def latest(self, number: int) -> ModelVersion | None:
        """Return the newest model of an experiment, or None."""

    def get(self, number: int, version: int) -> ModelVersion | None:
        """Return one model version, or None if it was never published or is pruned."""

    def newest(self, number: int) -> ModelVersionMeta | None:
        """Return the newest version without its bytes, or None."""

    def ages(self, number: int) -> list[VersionAge]:
        """Return when each kept version was made; costs less than their metas."""

    def metas(self, number: int) -> list[ModelVersionMeta]:
        """Return the kept versions without their bytes, newest first."""

    def publish(
        self,
        published: ModelVersion,
        parent_version: int,
        drop: Collection[int] = (),
        evaluations: EvaluationChanges | None = None,
    ) -> bool:
        """Keep a model as the newest, and drop older ones.

        Args:
            drop: the versions that are kept no longer.
            evaluations: kept in the same transaction, as `Evaluations.save` would.

        Returns:
            False, and nothing was kept, if the newest version is not
            `parent_version`: somebody restored another model meanwhile.
        """


class Evaluations(Protocol):
    """Progressive evaluation: the state of each candidate policy."""

    def all(self, number: int) -> list[EvaluationRow]:
        """Return every candidate of an experiment, by label."""

    def scores(self, number: int) -> list[EvaluationRow]:
        """Return the same with empty states, since states may be large."""

    def reward_models(self, number: int) -> list[RewardModelRow]:
        """Return the reward models of an experiment's candidates, by slot."""

    def reward_model_quality(self, number: int) -> bytes | None:
        """Return the quality of the most advanced reward model, None without one."""

    def save(self, number: int, changes: EvaluationChanges) -> None:
        """Replace the rows that changed and drop those that are no candidates."""


class Storage(Protocol):
    """One store; every part of it shares its transactions and files."""

    leases: Leases
    experiments: Experiments
    keys: Keys
    ended_sessions: EndedSessions
    sources: Sources
    corrected: Corrected
    facts: Facts
    joins: Joins
    archived: Archived
    slot_tallies: SlotTallies
    breakdowns: Breakdowns
    model_versions: ModelVersions
    evaluations: Evaluations
    imports: Imports
    jobs: Jobs
    clock: Clock
    damages: Damages
    overview: Overview
    unit_facts: UnitFacts
    units: Units
    reservations: Reservations
    sticky: StickyChoices
    corrections: Corrections
    privacy: Privacy
    credits: Credits
    apart: Apart
    programmes: Programmes
    splits: Splits
    branch_versions: ModelVersions
    """Of the other policies of splits."""
    programme_totals: ProgrammeTotals

    def migrate(self) -> None:
        """Bring the schema to this version; call once, before any fork.

        Raises:
            Unavailable: a newer version wrote the store; it is left as it is.
        """

    def check_schema(self) -> None:
        """Require that the schema is of this version.

        Raises:
            Unavailable: it is older, and the message says what migrates it; or a newer
                version wrote it.
        """

    def check_writable(self) -> None:
        """Require that this process may write to the store; writes nothing.

        Raises:
            Unavailable: it is gone, or read-only to this process.
        """

    def secret(self) -> bytes:
        """Return the service's secret, which signs decision ids.

        Raises:
            Unavailable: the store was never initialised.
        """

    def initialise(
        self, secret: bytes, now_ms: int, pseudonym_key: bytes | None = None
    ) -> bool:
        """Keep the secret of a new store; False if it has one already.

        Args:
            pseudonym_key: with which the ids of units are kept as pseudonyms, from the
                first on; None keeps them as they come. Of a store that has a secret
                already, nothing changes but that a missing key is replaced.
        """

    def pseudonym_key(self) -> bytes | None:
        """Return the key of the pseudonyms; None for a store that keeps plain ids.

        Raises:
            Unavailable: the store was never initialised, or the key is missing.
        """

    def beside(self, name: str) -> "Storage":
        """Return a store of its own beside this one, in which to make something anew.

        It is opened at first use, and created by `migrate`.
        """

    def is_beside(self, name: str) -> bool:
        """Return whether there is a store of that name beside this one."""

    def forget_beside(self, name: str) -> None:
        """Delete the store of that name beside this one, if there is one."""

    def size_bytes(self) -> int:
        """Return the size of the store's files in bytes."""

    def close(self) -> None:
        """Let go of files and connections of this process; idempotent."""
