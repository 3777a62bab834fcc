"""The store of several machines: one schema of a PostgreSQL server.

Owns the schema as a whole and puts the nouns together; see storage.interface.Storage.
The nouns are those of the embedded store, over another engine: what both do, they do
by the same statements, and only what is dear on a server has statements of its own.
"""

from pathlib import Path
from typing import Final, cast

from bandit_svc.errors import Unavailable
from bandit_svc.storage.breakdowns import Breakdowns
from bandit_svc.storage.clock import Clock
from bandit_svc.storage.control.leases import Leases
from bandit_svc.storage.corrections import Corrections
from bandit_svc.storage.credits import Credits
from bandit_svc.storage.damages import Damages
from bandit_svc.storage.doors.corrected import Corrected
from bandit_svc.storage.doors.sources import Sources
from bandit_svc.storage.imports.kept import Imports
from bandit_svc.storage.interface import (
    Evaluations,
    Experiments,
    Facts,
    Joins,
    ModelVersions,
)
from bandit_svc.storage.jobs import Jobs
from bandit_svc.storage.keys import EndedSessions, Keys
from bandit_svc.storage.overview import Overview
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.changes import Changes
from bandit_svc.storage.postgres.database import Database, Keep
from bandit_svc.storage.postgres.leases import TTL_S, PostgresLeases, require_leases
from bandit_svc.storage.postgres.migrating import check_version, is_there, migrate
from bandit_svc.storage.postgres.open_rows import OPEN_ROWS
from bandit_svc.storage.postgres.soundness import CHECK
from bandit_svc.storage.privacy import Apart, Privacy
from bandit_svc.storage.programmes.programmes import Programmes
from bandit_svc.storage.programmes.totals import ProgrammeTotals
from bandit_svc.storage.slots.tallies import SlotTallies
from bandit_svc.storage.splits.kept import Splits
from bandit_svc.storage.sqlite.clock import SqliteClock
from bandit_svc.storage.sqlite.corrections.store import SqliteCorrections
from bandit_svc.storage.sqlite.damages import SqliteDamages, keep_damaged_rows
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.doors.corrected import SqliteCorrected
from bandit_svc.storage.sqlite.doors.sources import SqliteSources
from bandit_svc.storage.sqlite.evaluations import SqliteEvaluations
from bandit_svc.storage.sqlite.experiments import SqliteExperiments
from bandit_svc.storage.sqlite.facts import SqliteFacts
from bandit_svc.storage.sqlite.imports.store import SqliteImports
from bandit_svc.storage.sqlite.jobs import SqliteJobs
from bandit_svc.storage.sqlite.joins import SqliteJoins
from bandit_svc.storage.sqlite.keys import SqliteEndedSessions, SqliteKeys
from bandit_svc.storage.sqlite.model_versions import SqliteModelVersions
from bandit_svc.storage.sqlite.people.credits import SqliteCredits
from bandit_svc.storage.sqlite.people.sticky import SqliteStickyChoices
from bandit_svc.storage.sqlite.people.unit_facts import SqliteUnitFacts
from bandit_svc.storage.sqlite.privacy.apart import SqliteApart
from bandit_svc.storage.sqlite.privacy.erasures import SqlitePrivacy
from bandit_svc.storage.sqlite.programmes.store import SqliteProgrammes
from bandit_svc.storage.sqlite.programmes.totals import SqliteProgrammeTotals
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions
from bandit_svc.storage.sqlite.rows.just_joined import JustJoined
from bandit_svc.storage.sqlite.slots.tallies import SqliteSlotTallies
from bandit_svc.storage.sqlite.splits.store import SqliteSplits
from bandit_svc.storage.sqlite.splits.tables import VERSIONS
from bandit_svc.storage.sqlite.sums.breakdowns import SqliteBreakdowns
from bandit_svc.storage.sqlite.sums.overview import SqliteOverview
from bandit_svc.storage.sqlite.version_file import VersionFile
from bandit_svc.storage.units import StickyChoices, UnitFacts

_KEEP_VALUE: Final = "INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)"
_SIZE: Final = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'S')"""


class PostgresStorage:
    """See storage.interface.Storage. Connects to its server at first use."""

    def __init__(self, address: str, name: str, lease_ttl_s: float = TTL_S) -> None:
        """Describe the store.

        Args:
            address: of the server and its database, as libpq takes it.
            name: of the schema.
            lease_ttl_s: seconds after which a silent holder of a lease has lost it.
        """
        self._schema = Database(
            address,
            name,
            schema.dialect,
            cast("Keep", keep_damaged_rows),
            require_leases,
        )
        self.leases: Leases = PostgresLeases(self._schema, lease_ttl_s)
        # The nouns use it as they use the embedded one; see dialect.py.
        database = cast("EmbeddedDatabase", self._schema)
        changes = cast("VersionFile", Changes(self._schema))
        decisions = StoredDecisions(database)
        experiments = SqliteExperiments(database, changes)
        self.experiments: Experiments = experiments
        self.splits: Splits = SqliteSplits(database, changes, experiments)
        self.imports: Imports = SqliteImports(database, changes, experiments)
        self.branch_versions: ModelVersions = SqliteModelVersions(database, VERSIONS)
        self.keys: Keys = SqliteKeys(database, changes)
        self.ended_sessions: EndedSessions = SqliteEndedSessions(database)
        self.sources: Sources = SqliteSources(database, changes)
        self.corrected: Corrected = SqliteCorrected(database)
        self.facts: Facts = SqliteFacts(database, decisions, CHECK)
        just_joined = JustJoined()
        self.joins: Joins = SqliteJoins(database, decisions, just_joined, OPEN_ROWS)
        self.slot_tallies: SlotTallies = SqliteSlotTallies(database)
        self.breakdowns: Breakdowns = SqliteBreakdowns(database)
        self.model_versions: ModelVersions = SqliteModelVersions(database)
        self.evaluations: Evaluations = SqliteEvaluations(database)
        self.jobs: Jobs = SqliteJobs(database)
        self.clock: Clock = SqliteClock(database)
        self.damages: Damages = SqliteDamages(database)
        self.overview: Overview = SqliteOverview(database, decisions)
        self.unit_facts: UnitFacts = SqliteUnitFacts(database)
        self.sticky: StickyChoices = SqliteStickyChoices(database)
        self.privacy: Privacy = SqlitePrivacy(database, decisions, self.secret)
        self.corrections: Corrections = SqliteCorrections(
            database, decisions, just_joined, _beside
        )
        self.apart: Apart = SqliteApart(database, decisions)
        self.programmes: Programmes = SqliteProgrammes(database, changes)
        self.programme_totals: ProgrammeTotals = SqliteProgrammeTotals(database)
        self.credits: Credits = SqliteCredits(database)

    def migrate(self) -> None:
        """See the interface."""
        migrate(self._schema)

    def check_schema(self) -> None:
        """See the interface."""
        check_version(self._schema)

    def secret(self) -> bytes:
        """See the interface."""
        row = None
        if is_there(self._schema):
            row = self._schema.row("SELECT value FROM meta WHERE name = 'secret'", ())
        if row is None:
            raise Unavailable(
                f"there is no store in the schema {self._schema.schema!r} of the "
                "PostgreSQL server; create one with `bandit-svc init`"
            )
        return bytes.fromhex(row[0])

    def initialise(self, secret: bytes, now_ms: int) -> bool:
        """See the interface; pseudonyms are still to come."""
        with self._schema.write() as connection:
            added = connection.execute(_KEEP_VALUE, ("secret", secret.hex())).rowcount
            connection.execute(_KEEP_VALUE, ("created_at_ms", str(now_ms)))
        return bool(added)

    def size_bytes(self) -> int:
        """See the interface."""
        row = self._schema.row(_SIZE, ())
        return 0 if row is None else int(row[0])

    def close(self) -> None:
        """See the interface."""
        self._schema.close()


def _beside(name: str) -> Path:
    raise Unavailable(
        f"nothing can be made anew beside a store on a PostgreSQL server yet ({name})"
    )
