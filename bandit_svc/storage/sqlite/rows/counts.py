"""Counts of rows: a row that is gone from the store is noticed.

Owns the table row_counts and the triggers that keep it. A checksum is gone with its
row, so that it takes a count elsewhere. The writers of a table of many rows count them
once a transaction (`add_rows`), since triggers cost 1 to 2 us a row. Triggers count a
row that replaces another only with `PRAGMA recursive_triggers`, which
checksums.add_functions sets.
"""

import sqlite3

from sqlite_utils import Database

TABLE = "row_counts"


def count_rows(db: Database, name: str, *, by_writers: bool = False) -> None:
    """Count the rows of a table from now on; the present ones are taken as they are.

    Args:
        db: in the transaction of a migration.
        name: of the table.
        by_writers: no trigger counts the rows.
    """
    db.execute(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (name TEXT PRIMARY KEY,"
        " n INTEGER NOT NULL) WITHOUT ROWID"
    )
    for trigger, event, change in (
        (f"{name}_came", "INSERT", "n + 1"),
        (f"{name}_went", "DELETE", "n - 1"),
    ):
        db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        if not by_writers:
            db.execute(
                f"CREATE TRIGGER {trigger} AFTER {event} ON {name} BEGIN"  # noqa: S608 - of a migration
                f" UPDATE {TABLE} SET n = {change} WHERE name = '{name}'; END"
            )
    db.execute(
        f"INSERT OR REPLACE INTO {TABLE}"  # noqa: S608 - of a migration
        f" SELECT '{name}', count(*) FROM {name}"
    )


def add_rows(connection: sqlite3.Connection, name: str, rows: int) -> None:
    """Count rows of a table without triggers, in the transaction that writes them.

    Args:
        connection: in the transaction.
        name: of the table.
        rows: how many came; fewer than 0 where rows went.
    """
    if rows:
        connection.execute(
            f"UPDATE {TABLE} SET n = n + ? WHERE name = ?",  # noqa: S608 - our own name
            (rows, name),
        )


def are_counted(connection: sqlite3.Connection) -> bool:
    """Return whether rows are counted: a server knows its pages, and needs no count."""
    return isinstance(connection, sqlite3.Connection)


def counted_rows(connection: sqlite3.Connection, name: str) -> int | None:
    """Return how many rows of a table were counted; None without a count."""
    row = connection.execute(
        f"SELECT n FROM {TABLE} WHERE name = ?",  # noqa: S608 - our own name
        (name,),
    ).fetchone()
    return None if row is None else int(row[0])


def wrong_counts(
    connection: sqlite3.Connection, tables: list[str]
) -> list[tuple[str, int, int | None]]:
    """Return each table whose rows are not as many as were counted.

    Returns:
        (table, rows, counted rows); None where the count itself is gone.
    """
    counted = dict(connection.execute(f"SELECT name, n FROM {TABLE}").fetchall())  # noqa: S608 - our own name
    found = []
    for table in tables:
        # Not those of an index, which nothing reads in full.
        (rows,) = connection.execute(
            f"SELECT count(*) FROM {table} NOT INDEXED"  # noqa: S608 - names of our tables
        ).fetchone()
        if rows != counted.get(table):
            found.append((table, rows, counted.get(table)))
    return found
