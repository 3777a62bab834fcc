"""A store's file as SQLite sees it, with what its checksums need.

Owns `raw_store` and `change_store`: what they change fits its checksum, as if the
service had written it. `damage_store` changes rows behind the back of their checksums,
as a failing disk does.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bandit_svc.storage.sqlite.rows.checksums import add_functions


@contextmanager
def raw_store(data: Path) -> Iterator[sqlite3.Connection]:
    """Open the file of a data folder; commit at the end."""
    with closing(sqlite3.connect(data / "bandit.db")) as connection, connection:
        add_functions(connection, lambda _damage: None)
        yield connection


def change_store(data: Path, sql: str, *values: object) -> None:
    """Change at least one row of a store."""
    with raw_store(data) as connection:
        assert connection.execute(sql, values).rowcount > 0


def damage_store(data: Path, sql: str, *values: object) -> None:
    """Change at least one row of a store, and leave its checksum as it was."""
    with raw_store(data) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(sql, values).rowcount > 0
        for _, trigger in triggers:
            connection.execute(trigger)
