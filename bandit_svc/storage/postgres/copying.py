"""Many rows at once: by COPY, or as one statement with the values of all.

Owns which statements of the embedded store can go so, and how. A row that goes by
itself costs this process several times as much. Rows that may be there already are
copied to a table of the session first, and go on from there in their order. A statement
can't change one row twice, so that rows of one key go with statements in turn.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from bandit_svc.storage.postgres.dialect import Columns

FEWEST: Final = 32
"""Rows for which a COPY pays."""
_INSERT: Final = re.compile(
    r"\s*INSERT (OR IGNORE |OR REPLACE )?INTO (\w+)\s*(?:\(([\w,\s]+)\))?\s*"
    r"VALUES \(((?:\?|NULL)(?:,\s*(?:\?|NULL))*)\)(\s+ON CONFLICT [^?]*)?\s*",
)
_TRANSLATED: Final = re.compile(r"[^()]*\([^()]*\) VALUES \([^()]*\)(.*)", re.DOTALL)
_TARGET: Final = re.compile(r"\s*ON CONFLICT \(([\w,\s]+)\)\s*DO UPDATE ")

_STAGE: Final = sql.SQL(
    "CREATE TEMP TABLE IF NOT EXISTS {stage} ON COMMIT DELETE ROWS"
    " AS SELECT {names} FROM {table} LIMIT 0"
)
_ADD: Final = sql.SQL(
    "INSERT INTO {table} ({names}) SELECT {names} FROM {stage} ORDER BY ctid"
)

Row = Sequence[Any]


class Changed(NamedTuple):
    """How many rows came or changed."""

    rowcount: int


class Copy(NamedTuple):
    """A statement that adds rows: where they go, and which of their columns come.

    Attributes:
        table: that it adds to.
        columns: of the table that it brings.
        types: of these, as the server calls them.
        unused: the place of a value that is left out.
        add: see dialect.Columns.
        then: what happens to a row that is there, in the words of PostgreSQL; empty if
            none may be there.
        key: places of the values by which a row that changes is found; none if no row
            changes.
    """

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    unused: int | None
    add: sql.SQL | None
    then: str
    key: tuple[int, ...]

    def used(self, row: Row) -> Row:
        """Return the values of a row that come."""
        if self.unused is None:
            return row
        return [*row[: self.unused], *row[self.unused + 1 :]]


def copy_of(
    statement: str, translated: str, tables: Mapping[str, Columns]
) -> Copy | None:
    """Return what a statement of the embedded store adds, None for another one.

    Args:
        statement: as the embedded store has it.
        translated: the same for PostgreSQL.
        tables: of the schema.
    """
    found = _INSERT.fullmatch(statement)
    behind = _TRANSLATED.fullmatch(translated)
    if found is None or behind is None or "RETURNING" in statement:
        return None
    _, table, named, marks, _ = found.groups()
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
    target = _TARGET.match(behind[1])
    key = [name.strip() for name in target[1].split(",")] if target else []
    if not set(key) <= set(given):
        return None
    return Copy(
        table,
        columns,
        tuple(kinds[name] for name in columns),
        left[0] if left else None,
        known.add,
        behind[1],
        tuple(given.index(name) for name in key),
    )


def add_rows(
    plain: "psycopg.Connection[tuple[Any, ...]]", copy: Copy, rows: Sequence[Row]
) -> Changed:
    """Add rows, as their statement would one by one."""
    count = 0
    for some in _in_turn(copy, rows):
        if len(some) >= FEWEST:
            count += _copied(plain, copy, some)
        else:
            count += sum(_added(plain, copy, few) for few in _by_twos(some))
    return Changed(count)


def _in_turn(copy: Copy, rows: Sequence[Row]) -> Sequence[Sequence[Row]]:
    """Return the rows in parts, each with one row of a key at most."""
    if not copy.key:
        return [rows]
    parts: list[list[Row]] = []
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[at] for at in copy.key)
        part = seen[key] = seen.get(key, -1) + 1
        if part == len(parts):
            parts.append([])
        parts[part].append(row)
    return parts


def _by_twos(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Yield the rows in parts of 16, 8, 4, 2 and 1: few statements to be prepared."""
    size = FEWEST // 2
    while rows:
        while size > len(rows):
            size //= 2
        yield rows[:size]
        rows = rows[size:]


def _added(
    plain: "psycopg.Connection[tuple[Any, ...]]", copy: Copy, rows: Sequence[Row]
) -> int:
    names = ", ".join(f'"{name}"' for name in copy.columns)
    marks = f"({', '.join(['%s'] * len(copy.columns))})"
    values = ", ".join([marks] * len(rows))
    statement = f"INSERT INTO {copy.table} ({names}) VALUES {values}{copy.then}"  # noqa: S608 - our own names
    given = [value for row in rows for value in copy.used(row)]
    return plain.execute(statement.encode(), given).rowcount


def _copied(
    plain: "psycopg.Connection[tuple[Any, ...]]", copy: Copy, rows: Sequence[Row]
) -> int:
    cursor = plain.cursor()
    names = sql.SQL(", ").join(map(sql.Identifier, copy.columns))
    table = sql.Identifier(copy.table)
    if not copy.then and copy.add is None:
        _copy(cursor, table, names, copy, rows)
        return cursor.rowcount
    stage = sql.Identifier(f"stage_{_digest(copy.table, copy.columns)}")
    values = {"stage": stage, "names": names, "table": table}
    cursor.execute(_STAGE.format(**values))
    cursor.execute(sql.SQL("TRUNCATE {stage}").format(**values))
    _copy(cursor, stage, names, copy, rows)
    if copy.add is not None:
        return cursor.execute(copy.add.format(**values)).rowcount
    add = _ADD.format(**values).as_string(plain) + copy.then
    return cursor.execute(add.encode()).rowcount


def _digest(table: str, columns: Sequence[str]) -> str:
    return blake2b(repr((table, *columns)).encode(), digest_size=6).hexdigest()


def _copy(
    cursor: "psycopg.Cursor[tuple[Any, ...]]",
    table: sql.Identifier,
    names: sql.Composable,
    copy: Copy,
    rows: Sequence[Row],
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)")
    with cursor.copy(statement.format(table, names)) as copying:
        copying.set_types(copy.types)
        for row in rows:
            copying.write_row(copy.used(row))
