"""The tables of this version as another engine has to make them.

Owns the reading of an empty store's definitions. So a migration is written once, and
every store has its tables.
"""

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from sqlite_utils import Database

from bandit_svc.storage.sqlite.rows.checksums import add_functions
from bandit_svc.storage.sqlite.rows.decisions import add_page_id

_OTHERS = ("sqlite_", "_sqlite_")


class Column(NamedTuple):
    """A column: its type is INTEGER, REAL, TEXT or BLOB."""

    name: str
    type: str
    is_required: bool
    default: str | None


class Table(NamedTuple):
    """A table: its columns, its key, and further columns that are unique together."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    is_checked: bool
    """There is a view of its sound rows."""

    @property
    def numbers_itself(self) -> bool:
        """True if a row without its key gets the next number."""
        return len(self.key) == 1 and any(
            column.name == self.key[0] and column.type == "INTEGER"
            for column in self.columns
        )


class Described(NamedTuple):
    """All of a store."""

    tables: tuple[Table, ...]
    indexes: tuple[str, ...]
    """Statements that create them."""
    values: tuple[tuple[str, str], ...]
    """Rows of the table meta that a new store begins with."""


def described(migrate: Callable[[Database], None]) -> Described:
    """Return the tables and indexes of an empty store."""
    db = Database(memory=True)
    connection = db.conn
    add_functions(connection, lambda _: None)
    add_page_id(connection)
    migrate(db)
    names = _names(connection, "table")
    views = set(_names(connection, "view"))
    tables = tuple(_table(connection, name, views) for name in names)
    indexes = connection.execute(
        "SELECT tbl_name, sql FROM sqlite_schema WHERE type = 'index'"
        " AND sql IS NOT NULL ORDER BY name"
    ).fetchall()
    values = connection.execute("SELECT name, value FROM meta ORDER BY name").fetchall()
    connection.close()
    own = tuple(sql for table, sql in indexes if table in names)
    return Described(tables, own, tuple(values))


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = ? ORDER BY name", (kind,)
    ).fetchall()
    return [name for (name,) in rows if not name.startswith(_OTHERS)]


def _table(connection: sqlite3.Connection, name: str, views: set[str]) -> Table:
    rows = connection.execute(f"PRAGMA table_info({name})").fetchall()
    keys = sorted((place, column) for _, column, *_, place in rows if place)
    columns = tuple(
        Column(column, kind.upper(), bool(required), default)
        for _, column, kind, required, default, _ in rows
    )
    unique = tuple(
        tuple(
            column
            for _, _, column in connection.execute(f"PRAGMA index_info('{index}')")
        )
        for _, index, is_unique, origin, _ in connection.execute(
            f"PRAGMA index_list({name})"
        ).fetchall()
        if is_unique and origin == "u"
    )
    key = tuple(column for _, column in keys)
    return Table(name, columns, key, unique, f"sound_{name}" in views)
