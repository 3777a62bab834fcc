"""Schemas beside that of the store, for what has tables and an order of writers alone.

Owns their tables, and how they are made and dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from psycopg import sql

from bandit_svc.storage.postgres.database import BUSY_S, Database
from bandit_svc.storage.postgres.dialect import Columns, Dialect
from bandit_svc.storage.postgres.functions import FUNCTIONS
from bandit_svc.storage.postgres.sharing.fence import require_writer

REQUEST_BUSY_S: Final = 2
"""A request waits no longer for others; it then shows nothing that is capped."""


class Tables(NamedTuple):
    """Tables of a schema: what statements have to know, and how they are made."""

    known: Mapping[str, Columns]
    create: Sequence[str]


UNITS: Final = Tables(
    {
        "units": Columns(["key", "state"], ["key"]),
        "overshoot": Columns(["programme", "cap", "n"], ["programme", "cap"]),
    },
    (
        "CREATE TABLE units (key bytea PRIMARY KEY, state bytea NOT NULL)",
        (
            "CREATE TABLE place (one bigint PRIMARY KEY, position bigint NOT NULL,"
            " links bigint NOT NULL)"
        ),
        "INSERT INTO place VALUES (1, 0, 0)",
        (
            'CREATE TABLE overshoot (programme text COLLATE "C", cap text COLLATE "C",'
            " n bigint NOT NULL, PRIMARY KEY (programme, cap))"
        ),
    ),
)
CAPS: Final = Tables(
    {
        "persons": Columns(["id", "person"], ["id"]),
        "places": Columns(
            ["person", "cap", "decision", "at_ms", "until_ms"],
            ["person", "cap", "decision"],
        ),
    },
    (
        "CREATE TABLE persons (id bytea PRIMARY KEY, person bytea NOT NULL)",
        "CREATE INDEX ids_by_person ON persons (person)",
        (
            'CREATE TABLE places (person bytea, cap bytea, decision text COLLATE "C",'
            " at_ms bigint NOT NULL, until_ms bigint,"
            " PRIMARY KEY (person, cap, decision))"
        ),
        "CREATE INDEX places_by_decision ON places (decision)",
        "CREATE INDEX places_by_time ON places (at_ms)",
    ),
)


def opened(
    place: tuple[str, str],
    tables: Tables,
    busy_s: int = BUSY_S,
    patience_s: float | None = None,
) -> Database:
    """Describe a schema; nothing is opened before use.

    Args:
        place: address of the server, and name of the schema.
        tables: of the schema.
        busy_s: seconds for which a writer waits for others.
        patience_s: see Database.
    """
    dialect = Dialect(tables.known)
    return Database(
        *place,
        lambda: dialect,
        require=require_writer,
        busy_s=busy_s,
        patience_s=patience_s,
    )


def make(database: Database, tables: Tables) -> None:
    """Create the schema with its tables, if it is not there."""
    with database.write() as connection:
        plain = connection.plain
        name = sql.Identifier(database.schema)
        found = plain.execute("SELECT to_regnamespace(%s)", [database.schema])
        if found.fetchone() == (None,):
            plain.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            for statement in (*FUNCTIONS, *tables.create):
                plain.execute(statement.encode())


def drop(database: Database) -> None:
    """Drop the schema with all that is in it, if it is there."""
    with database.write() as connection:
        name = sql.Identifier(database.schema)
        connection.plain.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(name)
        )


Secret = Callable[[], bytes]
"""Returns the service's secret, of which keys of hashes are made."""
