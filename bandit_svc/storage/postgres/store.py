"""The store of several machines: one schema of a PostgreSQL server.

Owns the schema as a whole and puts the nouns together; see storage.interface.Storage.
The nouns are those of the embedded store, over another engine: what both do, they do
by the same statements, and only what is dear on a server has statements of its own.
"""

from pathlib import Path
from typing import Final, cast

from bandit_svc.errors import Unavailable
from bandit_svc.storage.archive.archived import Archived
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.breakdowns import Breakdowns
from bandit_svc.storage.clock import Clock
from bandit_svc.storage.control.experiments import Experiments
from bandit_svc.storage.control.first_claims import FirstClaims
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
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import Jobs
from bandit_svc.storage.joined.evaluations import Evaluations
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.joined.joins import Joins
from bandit_svc.storage.keys import EndedSessions, Keys
from bandit_svc.storage.overview import Overview
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.beside import attached_schema, beside, drop
from bandit_svc.storage.postgres.beside import is_there as is_schema
from bandit_svc.storage.postgres.changes import Changes
from bandit_svc.storage.postgres.control.listening import Listening
from bandit_svc.storage.postgres.control.model_versions import PostgresModelVersions
from bandit_svc.storage.postgres.control.standbys import PostgresStandbys
from bandit_svc.storage.postgres.database import Database, Keep
from bandit_svc.storage.postgres.first_claims import PostgresFirstClaims
from bandit_svc.storage.postgres.leases import TTL_S, PostgresLeases
from bandit_svc.storage.postgres.migrating import check_version, is_there, migrate
from bandit_svc.storage.postgres.people.node_key import (
    make_marked_key,
    mark_key,
    read_same_key,
)
from bandit_svc.storage.postgres.people.reservations import PostgresReservations
from bandit_svc.storage.postgres.people.units import PostgresUnits
from bandit_svc.storage.postgres.sharing.fence import require_writer
from bandit_svc.storage.postgres.sharing.jobs import PostgresJobs
from bandit_svc.storage.postgres.sharing.shares import PostgresShares
from bandit_svc.storage.postgres.sharing.side_by_side import (
    PostgresEvaluations,
    PostgresFacts,
    PostgresJoins,
)
from bandit_svc.storage.privacy import Apart, Privacy
from bandit_svc.storage.programmes.programmes import Programmes
from bandit_svc.storage.programmes.reservations import Reservations
from bandit_svc.storage.programmes.totals import ProgrammeTotals
from bandit_svc.storage.slots.tallies import SlotTallies
from bandit_svc.storage.splits.kept import Splits
from bandit_svc.storage.sqlite.archive.store import SqliteArchived
from bandit_svc.storage.sqlite.clock import SqliteClock
from bandit_svc.storage.sqlite.corrections.store import SqliteCorrections
from bandit_svc.storage.sqlite.damages import SqliteDamages, keep_damaged_rows
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase
from bandit_svc.storage.sqlite.doors.corrected import SqliteCorrected
from bandit_svc.storage.sqlite.doors.sources import SqliteSources
from bandit_svc.storage.sqlite.experiments import SqliteExperiments
from bandit_svc.storage.sqlite.imports.store import SqliteImports
from bandit_svc.storage.sqlite.keys import SqliteEndedSessions, SqliteKeys
from bandit_svc.storage.sqlite.model_versions import SNAPSHOTS, newest_of_all
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
from bandit_svc.storage.units import StickyChoices, UnitFacts, Units

LOG_OF: Final = "log_of"
_KEEP_VALUE: Final = "INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)"
_WRITABLE: Final = """
    SELECT NOT pg_is_in_recovery() AND has_table_privilege('decisions', 'INSERT')"""
# A row that changes has another hash, as it has another checksum elsewhere.
_SOURCE: Final = """
    SELECT decode(md5(CAST(j AS text)), 'hex'), decode(md5(CAST(d AS text)), 'hex'),
        decode(md5(CAST(s AS text)), 'hex')
    FROM joined j LEFT JOIN decisions d USING (row_id)
    LEFT JOIN joined_slots s USING (row_id)
    WHERE j.number = ? AND j.position >= ? AND j.position <= ? ORDER BY j.position"""
_SIZE: Final = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'S')"""


class PostgresStorage:
    """See storage.interface.Storage. Connects to its server at first use."""

    is_on_server = True

    def __init__(
        self,
        address: str,
        name: str,
        folder: Path,
        lease_ttl_s: float = TTL_S,
        patience_s: float | None = None,
    ) -> None:
        """Describe the store.

        Args:
            address: of the server and its database, as libpq takes it.
            name: of the schema; those of units and caps have it as their beginning.
            folder: of this machine, with the key of the pseudonyms.
            lease_ttl_s: seconds after which a silent holder of a lease has lost it.
            patience_s: see Database.
        """
        self._place = (address, name)
        self._folder = folder
        self._lease_ttl_s = lease_ttl_s
        self._schema = Database(
            address,
            name,
            schema.dialect,
            cast("Keep", keep_damaged_rows),
            require_writer,
            patience_s=patience_s,
        )
        self.leases: Leases = PostgresLeases(self._schema, lease_ttl_s)
        self.first_claims: FirstClaims = PostgresFirstClaims(self._schema)
        self.shares: Shares | None = PostgresShares(self._schema, lease_ttl_s)
        self.standbys: Standbys = PostgresStandbys(self._schema)
        # The nouns use it as they use the embedded one; see dialect.py.
        database = cast("EmbeddedDatabase", self._schema)
        self._listening = Listening(
            self._schema,
            tables={table: newest_of_all(table) for table in (SNAPSHOTS, VERSIONS)},
        )
        changes = cast("VersionFile", Changes(self._listening))
        decisions = StoredDecisions(database)
        experiments = SqliteExperiments(database, changes)
        self.experiments: Experiments = experiments
        self.splits: Splits = SqliteSplits(database, changes, experiments)
        self.imports: Imports = SqliteImports(database, changes, experiments)
        self.branch_versions: ModelVersions = PostgresModelVersions(
            self._schema, self._listening, VERSIONS
        )
        self.keys: Keys = SqliteKeys(database, changes)
        self.ended_sessions: EndedSessions = SqliteEndedSessions(database)
        self.sources: Sources = SqliteSources(database, changes)
        self.corrected: Corrected = SqliteCorrected(database)
        reached = Reached()
        self.facts: Facts = PostgresFacts(self._schema, decisions, reached)
        just_joined = JustJoined()
        self.joins: Joins = PostgresJoins(self._schema, decisions, just_joined, reached)
        self.slot_tallies: SlotTallies = SqliteSlotTallies(database)
        self.breakdowns: Breakdowns = SqliteBreakdowns(database)
        self.model_versions: ModelVersions = PostgresModelVersions(
            self._schema, self._listening
        )
        self.evaluations: Evaluations = PostgresEvaluations(self._schema)
        self.jobs: Jobs = PostgresJobs(self._schema, lease_ttl_s)
        self.clock: Clock = SqliteClock(database)
        self.damages: Damages = SqliteDamages(database)
        self.overview: Overview = SqliteOverview(database, decisions)
        self.unit_facts: UnitFacts = SqliteUnitFacts(database)
        self.sticky: StickyChoices = SqliteStickyChoices(database)
        self.privacy: Privacy = SqlitePrivacy(database, decisions, self.secret, reached)
        self.corrections: Corrections = SqliteCorrections(
            database,
            decisions,
            just_joined,
            lambda other: attached_schema(name, beside(name, other)),
        )
        self.apart: Apart = SqliteApart(database, decisions)
        self.programmes: Programmes = SqliteProgrammes(database, changes)
        self.programme_totals: ProgrammeTotals = SqliteProgrammeTotals(database)
        self.credits: Credits = SqliteCredits(database)
        self.archived: Archived = SqliteArchived(database, decisions, reached, _SOURCE)
        self._units = PostgresUnits(
            (address, f"{name}_units"), self.secret, self._listening, patience_s
        )
        self.units: Units = self._units
        self._caps = PostgresReservations(
            (address, f"{name}_caps"), self.secret, patience_s
        )
        self.reservations: Reservations = self._caps

    def migrate(self) -> None:
        """See the interface."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        migrate(self._schema)
        mark_key(self._schema, self._folder)
        self._units.migrate()
        self._caps.migrate()

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

    def initialise(
        self, secret: bytes, now_ms: int, pseudonym_key: bytes | None = None
    ) -> bool:
        """See the interface."""
        with self._schema.write() as connection:
            rows = connection.execute("SELECT name FROM meta").fetchall()
            kept = {name for (name,) in rows}
            if pseudonym_key is not None and (
                "pseudonyms" in kept or "secret" not in kept
            ):
                make_marked_key(connection, self._schema, self._folder, pseudonym_key)
            added = connection.execute(_KEEP_VALUE, ("secret", secret.hex())).rowcount
            if added and pseudonym_key is not None:
                connection.execute(_KEEP_VALUE, ("pseudonyms", "blake2b-96"))
            connection.execute(_KEEP_VALUE, ("created_at_ms", str(now_ms)))
        return bool(added)

    def pseudonym_key(self) -> bytes | None:
        """See the interface."""
        self.secret()
        used = self._schema.row("SELECT 1 FROM meta WHERE name = 'pseudonyms'", ())
        return None if used is None else read_same_key(self._schema, self._folder)

    def check_writable(self) -> None:
        """See the interface."""
        row = self._schema.row(_WRITABLE, ())
        if row is None or not row[0]:
            raise Unavailable(
                f"the schema {self._schema.schema!r} of the PostgreSQL server can't be "
                "written; check the rights of its user, and that it is no standby"
            )

    def log_of(self, node: str) -> str:
        """See the interface."""
        with self._schema.write() as connection:
            connection.execute(_KEEP_VALUE, (LOG_OF, node))
            ask = "SELECT value FROM meta WHERE name = ?"
            (found,) = connection.execute(ask, (LOG_OF,)).fetchone() or (node,)
        return str(found)

    def beside(self, name: str) -> Storage:
        """See the interface."""
        address, own = self._place
        return PostgresStorage(
            address, beside(own, name), self._folder, self._lease_ttl_s
        )

    def is_beside(self, name: str) -> bool:
        """See the interface."""
        return is_schema(self._schema, beside(self._schema.schema, name))

    def forget_beside(self, name: str) -> None:
        """See the interface."""
        drop(self._schema, beside(self._schema.schema, name))

    def size_bytes(self) -> int:
        """See the interface."""
        row = self._schema.row(_SIZE, ())
        return 0 if row is None else int(row[0])

    def close(self) -> None:
        """See the interface."""
        self._listening.close()
        self._schema.close()
        self.units.close()
        self.reservations.close()
