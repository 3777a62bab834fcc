"""Many new rows at once, by COPY.

Owns which statements can be copied, and how. A row that goes by itself costs this
process several times as much. Rows that may be there already are copied to a table of
the session first, and go on from there in their order.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from bandit_svc.storage.postgres.dialect import Columns

FEWEST: Final = 32
"""Rows for which it pays."""
_INSERT: Final = re.compile(
    r"\s*INSERT (OR IGNORE )?INTO (\w+)\s*(?:\(([\w,\s]+)\))?\s*"
    r"VALUES \(((?:\?|NULL)(?:,\s*(?:\?|NULL))*)\)"
    r"(\s+ON CONFLICT \([\w,\s]+\)\s+DO NOTHING)?\s*",
)


class Copy(NamedTuple):
    """A statement that adds rows: where they go, and which of their columns come.

    Attributes:
        is_plain: no row may be there already.
    """

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    is_plain: bool


def copy_of(statement: str, tables: Mapping[str, Columns]) -> Copy | None:
    """Return what a statement of the embedded store copies, None for another one."""
    found = _INSERT.fullmatch(statement)
    if found is None:
        return None
    ignores, table, named, marks, nothing = found.groups()
    known = tables[table]
    names = [one.strip() for one in named.split(",")] if named else [*known.names]
    given = [one.strip() == "?" for one in marks.split(",")]
    columns = tuple(
        name for name, is_given in zip(names, given, strict=True) if is_given
    )
    if not known.types or not set(known.key) <= set(columns):
        # A row that numbers itself must see the one before it.
        return None
    types = dict(zip(known.names, known.types, strict=True))
    is_plain = not (ignores or nothing)
    return Copy(table, columns, tuple(types[name] for name in columns), is_plain)


def copy_rows(
    plain: "psycopg.Connection[tuple[Any, ...]]",
    copy: Copy,
    rows: Sequence[Sequence[Any]],
) -> "psycopg.Cursor[tuple[Any, ...]]":
    """Add rows; the count of the cursor is that of the new ones."""
    cursor = plain.cursor()
    names = sql.SQL(", ").join(map(sql.Identifier, copy.columns))
    table = sql.Identifier(copy.table)
    if copy.is_plain:
        _copy(cursor, table, names, copy, rows)
        return cursor
    digest = blake2b(repr(copy).encode(), digest_size=6).hexdigest()
    stage = sql.Identifier(f"stage_{digest}")
    values = {"stage": stage, "names": names, "table": table}
    cursor.execute(
        sql.SQL(
            "CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS"
            " AS SELECT {names} FROM {table} LIMIT 0"
        ).format(**values)
    )
    cursor.execute(sql.SQL("TRUNCATE {stage}").format(**values))
    _copy(cursor, stage, names, copy, rows)
    return cursor.execute(
        sql.SQL(
            "INSERT INTO {table} ({names}) SELECT {names} FROM {stage} ORDER BY ctid"
            " ON CONFLICT DO NOTHING"
        ).format(**values)
    )


def _copy(
    cursor: "psycopg.Cursor[tuple[Any, ...]]",
    table: sql.Identifier,
    names: sql.Composable,
    copy: Copy,
    rows: Sequence[Sequence[Any]],
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
    with cursor.copy(statement.format(table, names)) as copying:
        copying.set_types(copy.types)
        for row in rows:
            copying.write_row(row)
