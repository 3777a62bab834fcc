"""How far experiments follow their corrections, in SQLite.

Owns the tables correction_states and outdated_versions. The caller owns the
transaction.
"""

import sqlite3

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.storage.corrections import CorrectionState
from bandit_svc.storage.sqlite.rows.checksums import check_rows

_STATE = "number, wanted, learned, learned_at_ms, took_ms"
_CURSOR = "json_extract(s.spans, '$[#-1][1]')"
_WANT = (
    "INSERT INTO correction_states (number, wanted, learned, took_ms)"
    " VALUES (?, 1, 0, 0)"
    " ON CONFLICT (number) DO UPDATE SET wanted = wanted + 1 RETURNING wanted"
)


def create_correction_states(db: UtilsDatabase) -> None:
    """Create the tables, in the transaction of a migration."""
    db.execute(
        "CREATE TABLE correction_states (number INTEGER PRIMARY KEY,"
        " wanted INTEGER NOT NULL, learned INTEGER NOT NULL, learned_at_ms INTEGER,"
        " took_ms INTEGER NOT NULL)"
    )
    db.execute(
        "INSERT INTO correction_states SELECT number, max(sequence), 0, NULL, 0"
        " FROM corrections WHERE sequence > 0 GROUP BY number"
    )
    db.execute(
        "CREATE TABLE remade_models (number INTEGER NOT NULL, version INTEGER NOT NULL,"
        " position INTEGER NOT NULL, PRIMARY KEY (number, version)) WITHOUT ROWID"
    )
    for table in ("correction_states", "remade_models"):
        check_rows(db, table)


def next_sequence(connection: sqlite3.Connection, number: int) -> int:
    """Return the number of a correction that becomes pending."""
    (wanted,) = connection.execute(_WANT, (number,)).fetchall()[0]
    return int(wanted)


def state_of(connection: sqlite3.Connection, number: int) -> CorrectionState:
    """Return how far an experiment follows its corrections."""
    row = connection.execute(
        f"SELECT {_STATE} FROM sound_correction_states WHERE number = ?",  # noqa: S608 - a constant
        (number,),
    ).fetchone()
    return CorrectionState(number) if row is None else CorrectionState(*row)


def waiting_states(connection: sqlite3.Connection) -> list[CorrectionState]:
    """Return the states of experiments with pending corrections."""
    rows = connection.execute(
        f"SELECT {_STATE} FROM sound_correction_states WHERE wanted > learned"  # noqa: S608 - a constant
        " ORDER BY number"
    ).fetchall()
    return [CorrectionState(*row) for row in rows]


def keep_learned(
    connection: sqlite3.Connection, number: int, learned: int, at_ms: int, took_ms: int
) -> None:
    """Keep that sums and model follow the corrections up to one."""
    connection.execute(
        "UPDATE correction_states SET learned = ?, learned_at_ms = ?, took_ms = ?"
        " WHERE number = ?",
        (learned, at_ms, took_ms, number),
    )


def create_outdated_versions(db: UtilsDatabase) -> None:
    """Create the table of outdated versions, in the transaction of a migration.

    Before, it was kept from which position on versions before another were outdated.
    """
    db.execute(
        "CREATE TABLE outdated_versions (number INTEGER NOT NULL,"
        " version INTEGER NOT NULL, PRIMARY KEY (number, version)) WITHOUT ROWID"
    )
    db.execute(
        "INSERT INTO outdated_versions SELECT DISTINCT s.number, s.version"  # noqa: S608 - a constant
        " FROM snapshots s JOIN remade_models r USING (number)"
        f" WHERE s.version < r.version AND {_CURSOR} >= r.position"
    )
    db.execute("DROP VIEW sound_remade_models")
    db.execute("DROP TABLE remade_models")
    db.execute("DELETE FROM row_counts WHERE name = 'remade_models'")
    check_rows(db, "outdated_versions")


def keep_outdated(
    connection: sqlite3.Connection, number: int, version: int, position: int
) -> None:
    """Keep which versions have learned rewards that were corrected since.

    Args:
        connection: in the transaction.
        number: of the experiment.
        version: that was made anew with the corrected rewards.
        position: the first joined one with another reward.
    """
    connection.execute(
        "DELETE FROM outdated_versions WHERE number = ?1 AND version NOT IN"
        " (SELECT version FROM snapshots WHERE number = ?1)",
        (number,),
    )
    connection.execute(
        "INSERT OR IGNORE INTO outdated_versions (number, version)"  # noqa: S608 - a constant
        " SELECT number, version FROM snapshots s"
        f" WHERE number = ? AND version < ? AND {_CURSOR} >= ?",
        (number, version, position),
    )


def outdated_of(connection: sqlite3.Connection, number: int) -> set[int]:
    """Return the versions that have learned rewards that were corrected since."""
    rows = connection.execute(
        "SELECT version FROM sound_outdated_versions WHERE number = ?", (number,)
    ).fetchall()
    return {version for (version,) in rows}
