"""A new store: a copy of an empty one that the migrations have made.

Owns the copying. A process makes the empty store once, since that takes some 40 times
as long as a copy, and keeps its bytes.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing

from sqlite_utils import Database

from bandit_svc.storage.sqlite.people.credit_tables import make_new_salt
from bandit_svc.storage.sqlite.rows.checksums import add_functions
from bandit_svc.storage.sqlite.rows.decisions import add_page_id
from bandit_svc.storage.sqlite.soundness import keep_schema


def made_by(migrate: Callable[[Database], None]) -> bytes:
    """Return the file of an empty store, as migrations make it."""
    with closing(_in_memory()) as connection:
        migrate(Database(connection, execute_plugins=False))
        keep_schema(connection)
        connection.commit()
        return connection.serialize()


def is_new(connection: sqlite3.Connection) -> bool:
    """Return whether a file has no tables at all."""
    row = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)")
    return bool(row.fetchone()[0])


def fill(connection: sqlite3.Connection, empty: bytes) -> None:
    """Make a new file an empty store, in one transaction.

    Args:
        connection: to a file without tables.
        empty: of `made_by`; what is random in it is drawn anew.
    """
    with closing(_in_memory()) as copy:
        copy.deserialize(empty)
        make_new_salt(copy)
        copy.commit()
        copy.backup(connection)


def _in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    add_functions(connection, lambda _: None)
    add_page_id(connection)
    return connection
