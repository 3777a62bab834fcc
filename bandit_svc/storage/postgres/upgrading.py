"""Bring the tables of an earlier version to those of this one.

Owns what is compared: the tables, columns and indexes that the migrations of the
embedded store make, and those that a schema has. What is missing is added, so that a
migration that only adds is written once. One that changes rows, or what a server has
otherwise than the embedded store (decisions), has its statements for a server in
`TWINS`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg

from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.rows import decisions
from bandit_svc.storage.sqlite.migrations.described import Table

TWINS: Final[Mapping[str, Sequence[str]]] = {}
"""Statements of migrations that can't be derived, by the name of the migration."""
_COLUMNS: Final = """
    SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema()"""
_INDEXES: Final = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()"
_KEEP_VALUE: Final = """
    INSERT INTO meta (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING"""

Plain = psycopg.Connection[Any]


def upgrade(plain: Plain, missing: Sequence[str]) -> None:
    """Add what a schema lacks, in the caller's transaction.

    Args:
        plain: whose search path begins with the schema.
        missing: migrations that it has not seen, in order.
    """
    wanted = schema.tables()
    found: dict[str, set[str]] = {}
    for table, column in plain.execute(_COLUMNS).fetchall():
        found.setdefault(table, set()).add(column)
    for one in schema.made_tables(wanted):
        if one.name not in found:
            for statement in schema.table_statements(one):
                plain.execute(statement.encode())
        else:
            _add_columns(plain, one, found[one.name])
    known = {name for (name,) in plain.execute(_INDEXES).fetchall()}
    for index in schema.index_statements(wanted):
        # CREATE [UNIQUE] INDEX name ON ...
        if index.split(" ON ")[0].split()[-1].strip('"') not in known:
            plain.execute(index.encode())
    plain.cursor().executemany(_KEEP_VALUE, wanted.values)
    for name in missing:
        for statement in TWINS.get(name, ()):
            plain.execute(statement.encode())


def add_made_later(plain: Plain) -> None:
    """Add what a schema lacks that no migration of the embedded store is of."""
    for name, statements in decisions.ADDED.items():
        if plain.execute("SELECT to_regclass(%s)", [name]).fetchone() == (None,):
            for statement in statements:
                plain.execute(statement.encode())


def _add_columns(plain: Plain, table: Table, found: set[str]) -> None:
    columns = [c for c in schema.columns_of(table) if c.name not in found]
    if not columns:
        return
    # It names the columns that there were.
    plain.execute(f"DROP VIEW IF EXISTS sound_{table.name}".encode())
    for column in columns:
        added = schema.column_definition(table, column)
        plain.execute(f"ALTER TABLE {table.name} ADD COLUMN {added}".encode())
    for statement in schema.view_statements(table):
        plain.execute(statement.encode())
