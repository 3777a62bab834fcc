"""Where facts are kept, and what is derived from them.

Owns the store as a whole. The protocols that every backend implements, one a noun, are
in the rooms beside it. Each method that writes is one transaction: it happens whole or
not at all. Times are milliseconds since the epoch, UTC.
"""

from typing import Protocol

from bandit_svc.storage.archive.archived import Archived
from bandit_svc.storage.breakdowns import Breakdowns
from bandit_svc.storage.clock import Clock
from bandit_svc.storage.control.experiments import Experiments
from bandit_svc.storage.control.leases import Leases
from bandit_svc.storage.control.model_versions import ModelVersions
from bandit_svc.storage.control.shares import Shares
from bandit_svc.storage.control.standbys import Standbys
from bandit_svc.storage.corrections import Corrections
from bandit_svc.storage.credits import Credits
from bandit_svc.storage.damages import Damages
from bandit_svc.storage.doors.corrected import Corrected
from bandit_svc.storage.doors.sources import Sources
from bandit_svc.storage.imports.kept import Imports
from bandit_svc.storage.jobs import Jobs
from bandit_svc.storage.joined.evaluations import Evaluations
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.joined.joins import Joins
from bandit_svc.storage.keys import EndedSessions, Keys
from bandit_svc.storage.overview import Overview
from bandit_svc.storage.privacy import Apart, Privacy
from bandit_svc.storage.programmes.programmes import Programmes
from bandit_svc.storage.programmes.reservations import Reservations
from bandit_svc.storage.programmes.totals import ProgrammeTotals
from bandit_svc.storage.slots.tallies import SlotTallies
from bandit_svc.storage.splits.kept import Splits
from bandit_svc.storage.units import StickyChoices, UnitFacts, Units


class Control(Protocol):
    """What the machines of a service share: small, and read by all of them."""

    leases: Leases
    shares: Shares | None
    standbys: Standbys
    """Shards that learners share; None where one of them has everything."""
    experiments: Experiments
    keys: Keys
    ended_sessions: EndedSessions
    sources: Sources
    model_versions: ModelVersions
    imports: Imports
    jobs: Jobs
    clock: Clock
    overview: Overview
    privacy: Privacy
    programmes: Programmes
    splits: Splits
    branch_versions: ModelVersions
    """Of the other policies of splits."""


class ShardStore(Protocol):
    """What one learner at a time writes of its experiments: large, apart by shard."""

    corrected: Corrected
    facts: Facts
    joins: Joins
    archived: Archived
    slot_tallies: SlotTallies
    breakdowns: Breakdowns
    evaluations: Evaluations
    damages: Damages
    unit_facts: UnitFacts
    units: Units
    reservations: Reservations
    sticky: StickyChoices
    corrections: Corrections
    credits: Credits
    apart: Apart
    programme_totals: ProgrammeTotals


class Storage(Control, ShardStore, Protocol):
    """One store; every part of it shares its transactions and files."""

    is_on_server: bool
    """What is read comes over a network, so that a loop must not wait for it."""

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

    def log_of(self, node: str) -> str:
        """Return the node whose event log alone is read into the store.

        Where none was yet, it is this one from now on.
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
