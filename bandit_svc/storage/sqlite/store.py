"""The embedded store: one SQLite file and its neighbours.

Owns the files of the store (database, version number) and puts the
nouns together; see storage.interface.Storage.
"""

import os
import shutil
from functools import cache
from pathlib import Path

from sqlite_utils import Database as UtilsDatabase

from bandit_svc import __version__
from bandit_svc.errors import Unavailable
from bandit_svc.storage.archive.archived import Archived
from bandit_svc.storage.archive.below import Reached
from bandit_svc.storage.breakdowns import Breakdowns
from bandit_svc.storage.clock import Clock
from bandit_svc.storage.control.experiments import Experiments
from bandit_svc.storage.control.leases import Leases
from bandit_svc.storage.control.model_versions import ModelVersions
from bandit_svc.storage.control.shares import Shares
from bandit_svc.storage.control.standbys import NoStandbys, Standbys
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
from bandit_svc.storage.moving.left import MOVED_TO, refuse_left
from bandit_svc.storage.overview import Overview
from bandit_svc.storage.privacy import Apart, Privacy
from bandit_svc.storage.programmes.programmes import Programmes
from bandit_svc.storage.programmes.reservations import Reservations
from bandit_svc.storage.programmes.totals import ProgrammeTotals
from bandit_svc.storage.slots.tallies import SlotTallies
from bandit_svc.storage.splits.kept import Splits
from bandit_svc.storage.sqlite import version_file
from bandit_svc.storage.sqlite.archive.store import SqliteArchived
from bandit_svc.storage.sqlite.clock import SqliteClock
from bandit_svc.storage.sqlite.control.leases import SqliteLeases
from bandit_svc.storage.sqlite.corrections.store import SqliteCorrections
from bandit_svc.storage.sqlite.corrections.taking_over import attached_file
from bandit_svc.storage.sqlite.damages import SqliteDamages, keep_damaged_rows
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.doors.corrected import SqliteCorrected
from bandit_svc.storage.sqlite.doors.sources import SqliteSources
from bandit_svc.storage.sqlite.evaluations import SqliteEvaluations
from bandit_svc.storage.sqlite.experiments import SqliteExperiments
from bandit_svc.storage.sqlite.facts import SqliteFacts
from bandit_svc.storage.sqlite.imports.store import SqliteImports
from bandit_svc.storage.sqlite.jobs import SqliteJobs
from bandit_svc.storage.sqlite.joins import SqliteJoins
from bandit_svc.storage.sqlite.keys import SqliteEndedSessions, SqliteKeys
from bandit_svc.storage.sqlite.migrations.new_store import fill, is_new, made_by
from bandit_svc.storage.sqlite.model_versions import SqliteModelVersions
from bandit_svc.storage.sqlite.people.credits import SqliteCredits
from bandit_svc.storage.sqlite.people.sticky import SqliteStickyChoices
from bandit_svc.storage.sqlite.people.unit_facts import SqliteUnitFacts
from bandit_svc.storage.sqlite.people.units import SqliteUnits
from bandit_svc.storage.sqlite.privacy.apart import SqliteApart
from bandit_svc.storage.sqlite.privacy.erasures import SqlitePrivacy
from bandit_svc.storage.sqlite.privacy.pseudonym_key import make_key, read_key
from bandit_svc.storage.sqlite.programmes.reservations import SqliteReservations
from bandit_svc.storage.sqlite.programmes.store import SqliteProgrammes
from bandit_svc.storage.sqlite.programmes.totals import SqliteProgrammeTotals
from bandit_svc.storage.sqlite.rows.decisions import StoredDecisions, add_page_id
from bandit_svc.storage.sqlite.rows.just_joined import JustJoined
from bandit_svc.storage.sqlite.schema import (
    LAST_MIGRATION,
    migrations,
)
from bandit_svc.storage.sqlite.slots.tallies import SqliteSlotTallies
from bandit_svc.storage.sqlite.soundness import keep_schema
from bandit_svc.storage.sqlite.splits.store import SqliteSplits
from bandit_svc.storage.sqlite.splits.tables import VERSIONS
from bandit_svc.storage.sqlite.sums.breakdowns import SqliteBreakdowns
from bandit_svc.storage.sqlite.sums.overview import SqliteOverview
from bandit_svc.storage.sqlite.version_file import VersionFile
from bandit_svc.storage.units import StickyChoices, UnitFacts, Units

DATABASE = "bandit.db"
BESIDE = "anew"
"""The folder of the stores in which something is made anew."""


class SqliteStorage:
    """See storage.interface.Storage. Opens its files at first use."""

    is_on_server = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / DATABASE
        self._database = Database(self._path, keep_damaged_rows, add_page_id)
        self.leases: Leases = SqliteLeases(folder)
        self.shares: Shares | None = None
        self.standbys: Standbys = NoStandbys()
        decisions = StoredDecisions(self._database)
        self._version_file = VersionFile(folder / version_file.NAME)
        experiments = SqliteExperiments(self._database, self._version_file)
        self.experiments: Experiments = experiments
        self.splits: Splits = SqliteSplits(
            self._database, self._version_file, experiments
        )
        self.imports: Imports = SqliteImports(
            self._database, self._version_file, experiments
        )
        self.branch_versions: ModelVersions = SqliteModelVersions(
            self._database, VERSIONS
        )
        self.keys: Keys = SqliteKeys(self._database, self._version_file)
        self.ended_sessions: EndedSessions = SqliteEndedSessions(self._database)
        self.sources: Sources = SqliteSources(self._database, self._version_file)
        self.corrected: Corrected = SqliteCorrected(self._database)
        reached = Reached()
        self.facts: Facts = SqliteFacts(self._database, decisions, reached)
        just_joined = JustJoined()
        self.joins: Joins = SqliteJoins(self._database, decisions, just_joined, reached)
        self.archived: Archived = SqliteArchived(self._database, decisions, reached)
        self.slot_tallies: SlotTallies = SqliteSlotTallies(self._database)
        self.breakdowns: Breakdowns = SqliteBreakdowns(self._database)
        self.model_versions: ModelVersions = SqliteModelVersions(self._database)
        self.evaluations: Evaluations = SqliteEvaluations(self._database)
        self.jobs: Jobs = SqliteJobs(self._database)
        self.clock: Clock = SqliteClock(self._database)
        self.damages: Damages = SqliteDamages(self._database)
        self.overview: Overview = SqliteOverview(self._database, decisions)
        self.unit_facts: UnitFacts = SqliteUnitFacts(self._database)
        self.sticky: StickyChoices = SqliteStickyChoices(self._database)
        self.corrections: Corrections = SqliteCorrections(
            self._database,
            decisions,
            just_joined,
            lambda name: attached_file(self._beside(name) / DATABASE),
        )
        self.apart: Apart = SqliteApart(self._database, decisions)
        self.privacy: Privacy = SqlitePrivacy(
            self._database, decisions, self.secret, reached
        )
        self.programmes: Programmes = SqliteProgrammes(
            self._database, self._version_file
        )
        self.programme_totals: ProgrammeTotals = SqliteProgrammeTotals(self._database)
        self.credits: Credits = SqliteCredits(self._database)
        self.units: Units = SqliteUnits(folder / "units.db", self.secret)
        self.reservations: Reservations = SqliteReservations(
            folder / "caps.db", self.secret
        )

    def migrate(self) -> None:
        """See the interface."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.leases.hold("migrate") as held:
            # Several processes that migrate at once find the database locked.
            if held is None:
                raise Unavailable(
                    f"another process is migrating {self._folder}; try again when it "
                    "is done"
                )
            with self._database.tables() as tables:
                self._refuse_newer(tables)
                self._refuse_left(tables)
                if is_new(tables.conn):
                    fill(tables.conn, _empty_store())
                elif migrations.pending(tables):
                    migrations.apply(tables)
                    with self._database.write() as connection:
                        keep_schema(connection)
            self._version_file.bump()

    def check_schema(self) -> None:
        """See the interface."""
        with self._database.tables() as tables:
            self._refuse_newer(tables)
            self._refuse_left(tables)
            pending = [migration.name for migration in migrations.pending(tables)]
        if pending:
            raise Unavailable(
                f"the store in {self._folder} is of an earlier version; "
                f"{len(pending)} migrations are to come ({', '.join(pending)}). Run "
                "`bandit-svc serve` or `bandit-svc init`, which migrate"
            )

    def _refuse_newer(self, tables: UtilsDatabase) -> None:
        """Raise if the store has migrations that this version does not know."""
        if newer := _newer_migrations(tables):
            raise Unavailable(
                f"the store in {self._folder} was written by a newer version: it has "
                f"the migrations {', '.join(newer)}, and the last that this version "
                f"({__version__}) knows is {LAST_MIGRATION}; use the newer version, or "
                "restore the data folder from a copy made before the upgrade"
            )

    def _refuse_left(self, tables: UtilsDatabase) -> None:
        """Raise if all that the store holds was moved to another one."""
        if tables.table("meta").exists():
            ask = "SELECT value FROM meta WHERE name = ?"
            row = tables.execute(ask, [MOVED_TO]).fetchone()
            refuse_left(None if row is None else row[0])

    def check_writable(self) -> None:
        """See the interface."""
        neighbours = (
            self._path.with_name(self._path.name + e) for e in ("-wal", "-shm")
        )
        parts = (self._folder, self._path, *(n for n in neighbours if n.exists()))
        for part in parts:
            if not os.access(part, os.W_OK):
                fault = "can't be written" if part.exists() else "is gone"
                raise Unavailable(
                    f"{part} {fault}; check its owner and mode, and the disk"
                )

    def secret(self) -> bytes:
        """See the interface."""
        row = sound = None
        if self._path.exists():
            with self._database.tables() as tables:
                if tables.table("meta").exists():
                    ask = "SELECT value FROM {} WHERE name = 'secret'"
                    row = tables.execute(ask.format("meta")).fetchone()
                    # A store of before checksums is read until it is migrated.
                    checked = "sound_meta" in tables.view_names()
                    sound = tables.execute(
                        ask.format("sound_meta" if checked else "meta")
                    ).fetchone()
        if row is None:
            raise Unavailable(
                f"there is no store in {self._folder}; create one with "
                f"`bandit-svc init --data {self._folder}`"
            )
        if sound is None:
            raise Unavailable(
                f"the secret in {self._path}, which signs decision ids, does not fit "
                "its checksum; restore the data folder from a copy"
            )
        return bytes.fromhex(sound[0])

    def initialise(
        self, secret: bytes, now_ms: int, pseudonym_key: bytes | None = None
    ) -> bool:
        """See the interface."""
        with self._database.write() as connection:
            kept = {n for (n,) in connection.execute("SELECT name FROM meta")}
            if pseudonym_key is not None and (
                "pseudonyms" in kept or "secret" not in kept
            ):
                make_key(self._folder, pseudonym_key)
            added = connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('secret', ?, NULL)", [secret.hex()]
            ).rowcount
            if added and pseudonym_key is not None:
                connection.execute(
                    "INSERT INTO meta VALUES ('pseudonyms', 'blake2b-96', NULL)"
                )
            connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('created_at_ms', ?, NULL)",
                [str(now_ms)],
            )
        return bool(added)

    def pseudonym_key(self) -> bytes | None:
        """See the interface."""
        self.secret()
        with self._database.read() as connection:
            used = connection.execute(
                "SELECT 1 FROM meta WHERE name = 'pseudonyms'"
            ).fetchone()
        return None if used is None else read_key(self._folder)

    def log_of(self, node: str) -> str:
        """See the interface: no other machine reaches the file."""
        return node

    def beside(self, name: str) -> Storage:
        """See the interface."""
        return SqliteStorage(self._beside(name))

    def is_beside(self, name: str) -> bool:
        """See the interface."""
        return (self._beside(name) / DATABASE).exists()

    def forget_beside(self, name: str) -> None:
        """See the interface."""
        if self._beside(name).exists():
            shutil.rmtree(self._beside(name))

    def _beside(self, name: str) -> Path:
        return self._folder / BESIDE / name

    def size_bytes(self) -> int:
        """See the interface."""
        parts = (self._path, self._path.with_name(self._path.name + "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())

    def close(self) -> None:
        """See the interface."""
        self._database.close()
        self.units.close()
        self.reservations.close()
        self._version_file.close()


@cache
def _empty_store() -> bytes:
    return made_by(migrations.apply)


def _newer_migrations(tables: UtilsDatabase) -> list[str]:
    """Return the migrations of a store that this version does not know, in order."""
    # To an empty database every known migration is still to come.
    empty = UtilsDatabase(memory=True)
    known = {migration.name for migration in migrations.pending(empty)}
    return [m.name for m in migrations.applied(tables) if m.name not in known]
