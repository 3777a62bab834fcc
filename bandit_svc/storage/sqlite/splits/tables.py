"""The tables of splits.

Owns their creation, and what of them follows corrected rewards. The caller owns the
transaction.
"""

import sqlite3

from sqlite_utils import Database as UtilsDatabase

from bandit_svc.storage.sqlite.rows.checksums import check_rows

VERSIONS = "branch_versions"


def create_splits(db: UtilsDatabase) -> None:
    """Create the tables; a part of a migration, so it is never edited."""
    db.execute(
        f"""CREATE TABLE {VERSIONS} (
            number INTEGER NOT NULL, version INTEGER NOT NULL,
            policy TEXT NOT NULL, spans TEXT NOT NULL, learned INTEGER NOT NULL,
            sha256 TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
            restored_from INTEGER, state BLOB NOT NULL,
            PRIMARY KEY (number, version))"""
    )
    db.execute(
        "CREATE TABLE outdated_branches (number INTEGER PRIMARY KEY,"
        " version INTEGER NOT NULL)"
    )
    db.execute(
        "CREATE TABLE split_steps (id INTEGER PRIMARY KEY, number INTEGER NOT NULL,"
        " body TEXT NOT NULL)"
    )
    db.execute("CREATE INDEX split_steps_of ON split_steps (number)")
    db.execute(
        "CREATE TABLE split_sums (number INTEGER PRIMARY KEY, since INTEGER NOT NULL,"
        " position INTEGER NOT NULL, state BLOB NOT NULL)"
    )
    db.execute(
        "CREATE TABLE split_units (number INTEGER NOT NULL, unit INTEGER NOT NULL,"
        " state BLOB NOT NULL, PRIMARY KEY (number, unit)) WITHOUT ROWID"
    )
    check_rows(db, VERSIONS, apart="state")
    for table in ("outdated_branches", "split_steps", "split_sums", "split_units"):
        check_rows(db, table)


def learn_branches_again(connection: sqlite3.Connection, number: int) -> None:
    """Begin sums anew, and note that the models of branches have learned old rewards.

    Call it in the transaction in which rewards of joined decisions change.
    """
    for table in ("split_sums", "split_units"):
        connection.execute(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608 - our own names
    connection.execute(
        "INSERT OR REPLACE INTO outdated_branches (number, version)"  # noqa: S608 - a constant
        f" SELECT number, max(version) FROM {VERSIONS} WHERE number = ?"
        " GROUP BY number",
        (number,),
    )
