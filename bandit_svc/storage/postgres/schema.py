"""The tables of a PostgreSQL store: those of the embedded one.

Owns their SQL. Texts are compared by their bytes, as SQLite does, since the order of
ids is the order of learning.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

from bandit_svc.storage.postgres.dialect import Columns, Dialect
from bandit_svc.storage.postgres.functions import FUNCTIONS
from bandit_svc.storage.postgres.rows import decisions
from bandit_svc.storage.sqlite.migrations.described import (
    Column,
    Described,
    Table,
    described,
)
from bandit_svc.storage.sqlite.schema import migrations

_TYPES = {
    "INTEGER": "bigint",
    "REAL": "double precision",
    "TEXT": 'text COLLATE "C"',
    "BLOB": "bytea",
}


COPIED = {"INTEGER": "int8", "REAL": "float8", "TEXT": "text", "BLOB": "bytea"}


@cache
def tables() -> Described:
    """Return the tables of this version."""
    return described(migrations.apply)


CHECKSUMS: Final = frozenset({"crc", "crc_apart"})
"""Columns that a server needs not, since its pages have checksums."""
_KEEPS_CHECKSUM: Final = frozenset({"shared_parts"})
"""What compares the checksums of its rows itself."""
_LEFT_OUT: Final = frozenset({"row_counts"})
_OF_A_VIEW: Final = {decisions.VIEW: decisions.ADD}


@cache
def dialect() -> Dialect:
    """Return what translates statements for these tables."""
    known = {table.name: _known(table) for table in tables().tables}
    return Dialect(known, {decisions.VIEW: decisions.BY_KEY})


def columns_of(table: Table) -> list[Column]:
    """Return the columns of a table of a server: all but its checksums."""
    if table.name in _KEEPS_CHECKSUM:
        return [*table.columns]
    return [column for column in table.columns if column.name not in CHECKSUMS]


def _known(table: Table) -> Columns:
    columns = columns_of(table)
    small = decisions.SMALL if table.name == decisions.VIEW else {}
    return Columns(
        [column.name for column in columns],
        table.key,
        [small.get(column.name, COPIED[column.type]) for column in columns],
        [column.name for column in table.columns],
        _OF_A_VIEW.get(table.name),
    )


def statements(described: Described | None = None) -> Iterator[str]:
    """Yield the statements that create the tables of an empty schema.

    Args:
        described: the tables; those of this version by default.
    """
    described = described or tables()
    yield from FUNCTIONS
    yield from decisions.statements()
    for table in described.tables:
        if table.name in _OF_A_VIEW:
            yield from view_statements(table)
    for table in made_tables(described):
        yield from table_statements(table)
    yield from index_statements(described)


def made_tables(described: Described) -> list[Table]:
    """Return the tables that a server has as the embedded store has them."""
    others = {*_LEFT_OUT, *_OF_A_VIEW}
    return [table for table in described.tables if table.name not in others]


def table_statements(table: Table) -> Iterator[str]:
    """Yield the statements that create a table."""
    yield _create(table)
    yield from view_statements(table)


def view_statements(table: Table) -> Iterator[str]:
    """Yield the statement of the view of a table's sound rows, if it has one."""
    if table.is_checked:
        # A server checks its pages itself; see dialect.py.
        yield f"CREATE VIEW sound_{table.name} AS SELECT * FROM {table.name}"  # noqa: S608 - our own names


def index_statements(described: Described) -> Iterator[str]:
    """Yield the statements that create indexes."""
    for index in described.indexes:
        if f" ON {decisions.VIEW} " not in index:
            yield index


def _create(table: Table) -> str:
    columns = [column_definition(table, column) for column in columns_of(table)]
    columns.append(f"PRIMARY KEY ({', '.join(map(_quoted, table.key))})")
    columns += [f"UNIQUE ({', '.join(map(_quoted, some))})" for some in table.unique]
    return f"CREATE TABLE {table.name} ({', '.join(columns)})"


def column_definition(table: Table, column: Column) -> str:
    """Return a column as it stands in the definition of its table."""
    words = [_quoted(column.name), _TYPES[column.type]]
    if table.numbers_itself and column.name == table.key[0]:
        words.append(f"DEFAULT next_number('{table.name}', '{column.name}')")
    elif column.default is not None:
        words.append(f"DEFAULT {column.default}")
    if column.is_required:
        words.append("NOT NULL")
    return " ".join(words)


def _quoted(name: str) -> str:
    return f'"{name}"'
