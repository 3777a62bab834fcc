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

_STAGE: Final = sql.SQL(
    "CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS"
    " AS SELECT {names} FROM {table} LIMIT 0"
)
_ADD: Final = sql.SQL(
    "INSERT INTO {table} ({names}) SELECT {names} FROM {stage} ORDER BY ctid"
    " ON CONFLICT DO NOTHING"
)


class Copy(NamedTuple):
    """A statement that adds rows: where they go, and which of their columns come.

    Attributes:
        unused: the place of a value that is left out.
        add: see dialect.Columns.
        is_plain: no row may be there already.
    """

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    unused: int | None
    add: sql.SQL | None
    is_plain: bool


def copy_of(statement: str, tables: Mapping[str, Columns]) -> Copy | None:
    """Return what a statement of the embedded store copies, None for another one."""
    found = _INSERT.fullmatch(statement)
    if found is None:
        return None
    ignores, table, named, marks, nothing = found.groups()
    known = tables[table]
    names = [*(known.given or known.names)]
    if named:
        names = [one.strip() for one in named.split(",")]
    kinds = dict(zip(known.names, known.types, strict=bool(known.types)))
    given = [
        name
        for name, mark in zip(names, marks.split(","), strict=True)
        if mark.strip() == "?"
    ]
    columns = tuple(name for name in given if name in kinds)
    if not set(known.key) <= set(columns):
        # A row that numbers itself must see the one before it.
        return None
    left = [at for at, name in enumerate(given) if name not in kinds]
    return Copy(
        table,
        columns,
        tuple(kinds[name] for name in columns),
        left[0] if left else None,
        known.add,
        is_plain=not (ignores or nothing or known.add),
    )


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
    cursor.execute(_STAGE.format(**values))
    cursor.execute(sql.SQL("TRUNCATE {stage}").format(**values))
    _copy(cursor, stage, names, copy, rows)
    return cursor.execute((copy.add or _ADD).format(**values))


def _copy(
    cursor: "psycopg.Cursor[tuple[Any, ...]]",
    table: sql.Identifier,
    names: sql.Composable,
    copy: Copy,
    rows: Sequence[Sequence[Any]],
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
    at = copy.unused
    with cursor.copy(statement.format(table, names)) as copying:
        copying.set_types(copy.types)
        for row in rows:
            copying.write_row(row if at is None else [*row[:at], *row[at + 1 :]])
