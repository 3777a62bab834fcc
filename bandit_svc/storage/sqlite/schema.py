"""The tables, as migrations in order.

Owns the schema since release 0.2.0; what came with it is in migrations/released.py. A
migration that has been released is never edited; the next change is a new one.
"""

from sqlite_utils import Database

from bandit_svc.storage.sqlite.archive.dropping import create_dropped
from bandit_svc.storage.sqlite.archive.store import create_archived
from bandit_svc.storage.sqlite.corrections.kept import create_corrections
from bandit_svc.storage.sqlite.corrections.states import (
    create_correction_states,
    create_outdated_versions,
)
from bandit_svc.storage.sqlite.doors.corrected import create_totals
from bandit_svc.storage.sqlite.doors.sources import create_sources
from bandit_svc.storage.sqlite.imports.tables import create_imports
from bandit_svc.storage.sqlite.local.clients import create_local_clients
from bandit_svc.storage.sqlite.migrations.released import migrations
from bandit_svc.storage.sqlite.people.credit_tables import (
    add_corrections,
    create_credit,
    order_alone,
)
from bandit_svc.storage.sqlite.people.crediting import link_known
from bandit_svc.storage.sqlite.people.sticky import create_sticky
from bandit_svc.storage.sqlite.people.unit_facts import (
    create_unit_facts,
    find_unit_facts_by_unit,
)
from bandit_svc.storage.sqlite.privacy.apart import create_apart
from bandit_svc.storage.sqlite.privacy.erasures import create_erasures
from bandit_svc.storage.sqlite.programmes.store import create_programmes
from bandit_svc.storage.sqlite.programmes.totals import create_totals_of_programmes
from bandit_svc.storage.sqlite.rows.checksums import SOUND, check_rows, checked_tables
from bandit_svc.storage.sqlite.rows.compacting import BY_WRITERS, compact
from bandit_svc.storage.sqlite.rows.counts import count_rows
from bandit_svc.storage.sqlite.rows.orphans import keep_counted_to
from bandit_svc.storage.sqlite.slots.joined import create_joined_slots
from bandit_svc.storage.sqlite.slots.tallies import create_slot_tallies
from bandit_svc.storage.sqlite.splits.tables import create_splits
from bandit_svc.storage.sqlite.stream.progress import create_progress
from bandit_svc.storage.sqlite.sums.groups import NEVER_MS
from bandit_svc.storage.sqlite.sums.uplift import create_method_changes, create_uplift

__all__ = ["LAST_MIGRATION", "migrations", "migrations_after"]


@migrations()
def m014_sequences(db: Database) -> None:
    """Add the sequence number of the next record to each place in the event log."""
    db.table("cursors").add_column("sequence", int, not_null_default=0)


@migrations()
def m015_damages(db: Database) -> None:
    """Create the table of what the event log has lost, until it is acknowledged."""
    db.execute(
        """CREATE TABLE damages (
            id INTEGER PRIMARY KEY, found_at_ms INTEGER NOT NULL,
            acknowledged_at_ms INTEGER,
            partition TEXT NOT NULL, segment INTEGER NOT NULL,
            offset INTEGER NOT NULL, facts INTEGER NOT NULL, bytes INTEGER NOT NULL,
            what TEXT NOT NULL, at_least INTEGER NOT NULL,
            UNIQUE (partition, segment, offset, what))"""
    )


@migrations()
def m016_set_aside(db: Database) -> None:
    """Keep what is left of a damage; lines that were set aside become one damage."""
    db.execute("ALTER TABLE damages ADD COLUMN remains BLOB")
    db.execute(
        """INSERT INTO damages (found_at_ms, partition, segment, offset, facts, bytes,
            what, at_least, remains)
        SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000, '', 0, 0, count(*),
            sum(length(line)), 'unreadable', 0,
            substr(CAST(group_concat(line, char(10)) AS BLOB), 1, 65536)
        FROM unreadable HAVING count(*) > 0"""
    )
    db.execute("DROP TABLE unreadable")


@migrations()
def m017_metric_names(db: Database) -> None:
    """Create the table of the secondary metrics that rewards have come with."""
    db.execute(
        "CREATE TABLE metric_names (number INTEGER NOT NULL, name TEXT NOT NULL,"
        " PRIMARY KEY (number, name)) WITHOUT ROWID"
    )
    db.execute(
        "INSERT INTO metric_names SELECT number, metric FROM rewards"
        " WHERE metric <> 'reward' UNION SELECT number, metric FROM tallies"
        " WHERE metric <> 'reward'"
    )


@migrations()
def m018_unit_groups(db: Database) -> None:
    """Add the groups in which a unit has been seen; 0 of those from before."""
    db.execute("ALTER TABLE units ADD COLUMN groups INTEGER NOT NULL DEFAULT 0")


@migrations()
def m019_log_formats(db: Database) -> None:
    """Add the format of the log to each damage: it tells the suffix of the file."""
    db.table("damages").add_column("format", int, not_null_default=2)


@migrations()
def m020_uplift(db: Database) -> None:
    """Create the tables of the uplift by unit: an experiment's sums, its units."""
    create_uplift(db.conn)


@migrations()
def m021_released_facts(db: Database) -> None:
    """Count the facts of partitions that were forgotten, in new stores from 0 on.

    Others may have cursors of partitions that are gone; the learner begins there.
    """
    db.execute(
        "INSERT OR IGNORE INTO meta SELECT 'released_facts', '0'"
        " WHERE NOT EXISTS (SELECT 1 FROM cursors)"
    )


@migrations()
def m022_periods(db: Database) -> None:
    """Add when the first and the last decision of a sum and of an evaluation were made.

    Those of sums are found in the joined decisions; those of evaluations begin here.
    """
    for table in ("tallies", "evaluations"):
        db.table(table).add_column("first_ms", int)
        db.table(table).add_column("last_ms", int)
    db.execute(
        """UPDATE tallies SET first_ms = found.first_ms, last_ms = found.last_ms FROM (
            SELECT j.number AS number, d.grp AS grp, d.variant AS variant,
                min(d.exposed_at_ms) AS first_ms, max(d.exposed_at_ms) AS last_ms
            FROM joined j JOIN decisions d USING (row_id) GROUP BY 1, 2, 3) AS found
        WHERE tallies.number = found.number AND tallies.grp = found.grp
            AND tallies.variant = found.variant AND tallies.metric = 'reward'"""
    )


@migrations()
def m023_method_changes(db: Database) -> None:
    """Keep when the uplift of an experiment that has decisions became one by unit."""
    create_method_changes(db.conn)


@migrations()
def m024_checked_rows(db: Database) -> None:
    """Make the rows of facts small, and give every row a checksum."""
    compact(db)


@migrations()
def m025_counted_rows(db: Database) -> None:
    """Count the rows of every checked table."""
    for table in checked_tables(db.conn):
        count_rows(db, table, by_writers=table in BY_WRITERS)


@migrations()
def m026_policies_of_before(db: Database) -> None:
    """Write the default policy of before into definitions that left it out."""
    for table in ("experiments", "revisions"):
        db.execute(
            f"""UPDATE {table} SET definition =
                json_set(definition, '$.policy', json('{{"kind": "vw"}}'))
            WHERE json_valid(definition)
                AND json_extract(definition, '$.policy') IS NULL"""  # noqa: S608 - names from above
        )


@migrations()
def m027_restricted_keys(db: Database) -> None:
    """Restrict keys to experiments, origins and a time; note their last use.

    A session that was ended is kept until its time is over.
    """
    for column in ("experiments", "origins"):
        db.execute(f"ALTER TABLE keys ADD COLUMN {column} TEXT NOT NULL DEFAULT '[]'")
    db.execute("ALTER TABLE keys ADD COLUMN expires_at_ms INTEGER")
    db.execute(
        "CREATE TABLE key_uses (id TEXT PRIMARY KEY, used_at_ms INTEGER NOT NULL)"
        " WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE ended_sessions (session TEXT PRIMARY KEY,"
        " expires_at_ms INTEGER NOT NULL) WITHOUT ROWID"
    )
    for table in ("keys", "key_uses", "ended_sessions"):
        check_rows(db, table)


@migrations()
def m028_contexts_once(db: Database) -> None:
    """Drop the sums of segments, which are by unit now, and say what an uplift counts.

    The drift of contexts is added to with the uplift, up to the same position.
    """
    for table in ("segments", "segment_keys"):
        db.execute(f"DROP VIEW {SOUND}{table}")
        db.execute(f"DROP TABLE {table}")
        db.execute("DELETE FROM row_counts WHERE name = ?", [table])
    db.execute("ALTER TABLE uplift ADD COLUMN position INTEGER")
    check_rows(db, "uplift")


@migrations()
def m029_orphans(db: Database) -> None:
    """Keep up to when lonely rewards are counted: before, each was when it came."""
    (newest_ms,) = db.execute(
        "SELECT coalesce(max(received_at_ms), 0) FROM rewards WHERE attached = 0"
    ).fetchone()
    keep_counted_to(db.conn, newest_ms)


@migrations()
def m030_unit_facts(db: Database) -> None:
    """Create the table of facts about units; keep when a unit had its first decision.

    Of units from before, that is not known.
    """
    db.execute(
        f"ALTER TABLE units ADD COLUMN first_ms INTEGER NOT NULL DEFAULT {NEVER_MS}"
    )
    check_rows(db, "units", by_writers=True)
    create_unit_facts(db)


@migrations()
def m031_sticky(db: Database) -> None:
    """Create the table of the newest choice of each unit of a sticky experiment."""
    create_sticky(db)


@migrations()
def m032_corrections(db: Database) -> None:
    """Create the table of corrected rewards."""
    create_corrections(db)


@migrations()
def m033_correction_states(db: Database) -> None:
    """Keep how far experiments follow their corrections."""
    create_correction_states(db)


@migrations()
def m034_erasures(db: Database) -> None:
    """Create the tables of erasures, and of the hashes of erased units."""
    create_erasures(db)


@migrations()
def m035_credit(db: Database) -> None:
    """Create the tables of rewards that name a unit; links of before are known."""
    create_credit(db)
    link_known(db.conn)


@migrations()
def m036_corrected_units(db: Database) -> None:
    """Keep when a reward of a unit was corrected last."""
    add_corrections(db)


@migrations()
def m037_apart(db: Database) -> None:
    """Create the table of the sums of decisions without consent."""
    create_apart(db)


@migrations()
def m038_outdated_versions(db: Database) -> None:
    """Keep which model versions have learned rewards that were corrected since."""
    create_outdated_versions(db)


@migrations()
def m039_rewards_alone(db: Database) -> None:
    """Find rewards of units that have no decision by their state."""
    order_alone(db)


@migrations()
def m040_webhook_sources(db: Database) -> None:
    """Create the table of the sources of webhooks."""
    create_sources(db)


@migrations()
def m041_webhook_totals(db: Database) -> None:
    """Create the table of the totals that sources have corrected."""
    create_totals(db)


@migrations()
def m042_programmes(db: Database) -> None:
    """Create the table of programmes and their revisions."""
    create_programmes(db)


@migrations()
def m043_splits(db: Database) -> None:
    """Create the tables of policy splits."""
    create_splits(db)


@migrations()
def m044_slots(db: Database) -> None:
    """Create the tables of what the slots of pages earned."""
    create_joined_slots(db)
    create_slot_tallies(db)


@migrations()
def m045_programme_totals(db: Database) -> None:
    """Create the tables of what the units of programmes have brought."""
    create_totals_of_programmes(db)


@migrations()
def m046_facts_of_units(db: Database) -> None:
    """Find the facts of a unit, and keep which partition each came from."""
    find_unit_facts_by_unit(db)


@migrations()
def m047_imports(db: Database) -> None:
    """Create the tables of decisions that were imported from other logs."""
    create_imports(db)


@migrations()
def m048_archived(db: Database) -> None:
    """Create the table of the files of the archive."""
    create_archived(db)


@migrations()
def m049_local_clients(db: Database) -> None:
    """Create the table of clients that decide in their own process."""
    create_local_clients(db)


@migrations()
def m050_stream_progress(db: Database) -> None:
    """Create the tables of how far a stream's sources and nodes were read."""
    create_progress(db)


@migrations()
def m051_dropped(db: Database) -> None:
    """Create the tables of what was dropped for the archive."""
    create_dropped(db)


LAST_MIGRATION = m051_dropped.__name__


def migrations_after(name: str) -> list[str] | None:
    """Return the migrations that come after one, in order; None if it is unknown."""
    names = [one.name for one in migrations.pending(Database(memory=True))]
    return names[names.index(name) + 1 :] if name in names else None
