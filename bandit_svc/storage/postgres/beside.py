"""Stores beside a store: schemas of the same server, in which things are made anew.

Owns their names, how they are found and dropped, and how rows come over from one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

from psycopg import sql

from bandit_svc.storage.postgres.database import Database
from bandit_svc.storage.sqlite.corrections.taking_over import Attached
from bandit_svc.storage.sqlite.database import Database as EmbeddedDatabase

INFIX: Final = "_anew_"
PARTS: Final = ("", "_units", "_caps")
"""What follows the name of a store in those of its schemas."""


def beside(schema: str, name: str) -> str:
    """Return the name of the schema of a store beside another one."""
    return f"{schema}{INFIX}{name}"


def is_there(database: Database, schema: str) -> bool:
    """Return whether the server has a schema."""
    row = database.row("SELECT to_regnamespace(?) IS NOT NULL", (schema,))
    return row is not None and bool(row[0])


def drop(database: Database, schema: str) -> None:
    """Drop the schemas of a store, if they are there."""
    with database.plain() as plain:
        for part in PARTS:
            plain.execute(
                sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(
                    sql.Identifier(f"{schema}{part}")
                )
            )


def attached_schema(this: str, other: str) -> Attached:
    """Return what names the tables of two stores of one server."""

    @contextmanager
    def attached(_: EmbeddedDatabase) -> Iterator[tuple[str, str]]:
        yield f'"{this}"', f'"{other}"'

    return cast("Attached", attached)
