"""Damages to the store's one SQLite file: to its rows, its pages, its bytes.

Owns the registry of these kinds. Rows are changed as by a program that knows SQLite,
so that the file itself stays in order; pages and bytes as by a disk.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.damage.byte_kinds import ANY_FILE, PAGE, FileKind
from benchmarks.damage.log_files import Inapplicable, Kind, LogFiles

_UNREAD = frozenset({"keys", "jobs", "headlines", "_sqlite_migrations", "clock"})
"""Tables that no fact, sum or model is read from."""


def _store(files: LogFiles) -> Path:
    """Return the database, with everything of the write-ahead log in it."""
    path = files.data / "bandit.db"
    if files.lives:
        # SQLite's own caches would answer for the file.
        raise Inapplicable
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not connection.execute("SELECT 1 FROM decisions LIMIT 1").fetchone():
            raise Inapplicable
    return path


def _changed(files: LogFiles, change: Callable[[sqlite3.Connection], None]) -> None:
    """Change rows as a failing disk does: nothing that the service adds runs."""
    path = _store(files)
    with closing(sqlite3.connect(path)) as connection, connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER [{name}]")
        change(connection)
        for _, trigger in triggers:
            connection.execute(trigger)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    names = [name for (name,) in found if not name.startswith("sqlite_")]
    return [
        name
        for name in names
        if name not in _UNREAD
        and connection.execute(f"SELECT 1 FROM [{name}] LIMIT 1").fetchone()  # noqa: S608 - names of the schema
    ]


def _row(
    files: LogFiles, connection: sqlite3.Connection
) -> tuple[str, str, list[object]]:
    """Return a table, the condition that finds one of its rows, and its values."""
    table = files.note = files.random.choice(sorted(_tables(connection)))
    columns = connection.execute(f"PRAGMA table_info([{table}])").fetchall()
    keys = sorted((c[5], c[1]) for c in columns if c[5])
    names = [name for _, name in keys] or [c[1] for c in columns]
    rows = connection.execute(
        f"SELECT {', '.join(f'[{n}]' for n in names)} FROM [{table}]"  # noqa: S608
    ).fetchall()
    condition = " AND ".join(f"[{name}] IS ?" for name in names)
    return table, condition, list(files.random.choice(rows))


def _other(files: LogFiles, value: object) -> object:
    """Return another value of the same type."""
    match value:
        case bool() | int():
            return value + files.random.choice([-1, 1, 7])
        case float():
            return value + files.random.choice([-1.0, 0.25, 1.0])
        case str() if value:
            at = files.random.randrange(len(value))
            return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
        case bytes() if value:
            content = bytearray(value)
            content[files.place(content)] ^= 1 << files.random.randrange(8)
            return bytes(content)
        case _:
            raise Inapplicable


def change_a_value(files: LogFiles) -> None:
    """Change one value of one row to another of its type."""

    def change(connection: sqlite3.Connection) -> None:
        table, condition, key = _row(files, connection)
        columns = connection.execute(f"PRAGMA table_info([{table}])").fetchall()
        name = files.random.choice([c[1] for c in columns])
        (value,) = connection.execute(
            f"SELECT [{name}] FROM [{table}] WHERE {condition} LIMIT 1",  # noqa: S608
            key,
        ).fetchone()
        try:
            connection.execute(
                f"UPDATE [{table}] SET [{name}] = ? WHERE {condition}",  # noqa: S608
                [_other(files, value), *key],
            )
        except sqlite3.IntegrityError as error:
            raise Inapplicable from error

    _changed(files, change)


def delete_a_row(files: LogFiles) -> None:
    """Delete one row."""

    def change(connection: sqlite3.Connection) -> None:
        table, condition, key = _row(files, connection)
        connection.execute(f"DELETE FROM [{table}] WHERE {condition}", key)  # noqa: S608

    _changed(files, change)


def double_a_row(files: LogFiles) -> None:
    """Copy one row of a table without a key, or under another first key."""

    def change(connection: sqlite3.Connection) -> None:
        table, condition, key = _row(files, connection)
        row = connection.execute(
            f"SELECT * FROM [{table}] WHERE {condition}",  # noqa: S608
            key,
        ).fetchone()
        columns = connection.execute(f"PRAGMA table_info([{table}])").fetchall()
        values = [
            _other(files, value) if column[5] else value
            for value, column in zip(row, columns, strict=True)
        ]
        marks = ", ".join("?" for _ in values)
        try:
            connection.execute(f"INSERT INTO [{table}] VALUES ({marks})", values)  # noqa: S608
        except sqlite3.IntegrityError as error:
            raise Inapplicable from error

    _changed(files, change)


def swap_two_rows(files: LogFiles) -> None:
    """Swap all values but the keys of two rows of a table."""

    def change(connection: sqlite3.Connection) -> None:
        table, condition, key = _row(files, connection)
        columns = connection.execute(f"PRAGMA table_info([{table}])").fetchall()
        names = [c[1] for c in columns if not c[5]]
        if len(names) == len(columns) or not names:
            raise Inapplicable
        select = ", ".join(f"[{name}]" for name in names)
        keys = ", ".join(
            f"[{n}]" for _, n in sorted((c[5], c[1]) for c in columns if c[5])
        )
        others = connection.execute(f"SELECT {keys} FROM [{table}]").fetchall()  # noqa: S608
        other = list(files.random.choice(others))
        values = [
            connection.execute(
                f"SELECT {select} FROM [{table}] WHERE {condition}",  # noqa: S608
                one,
            ).fetchone()
            for one in (key, other)
        ]
        if values[0] == values[1]:
            raise Inapplicable
        changes = ", ".join(f"[{name}] = ?" for name in names)
        try:
            # By way of a value in between, for unique columns.
            for one, value in ((key, values[1]), (other, values[0])):
                connection.execute(
                    f"UPDATE [{table}] SET {changes} WHERE {condition}",  # noqa: S608
                    [*value, *one],
                )
        except sqlite3.IntegrityError as error:
            raise Inapplicable from error

    _changed(files, change)


def empty_a_table(files: LogFiles) -> None:
    """Delete every row of a table."""

    def change(connection: sqlite3.Connection) -> None:
        table = files.note = files.random.choice(sorted(_tables(connection)))
        connection.execute(f"DELETE FROM [{table}]")  # noqa: S608 - of the schema

    _changed(files, change)


def _two_pages(files: LogFiles, *, swap: bool) -> None:
    path = _store(files)
    content = bytearray(path.read_bytes())
    one, two = files.random.sample(range(len(content) // PAGE), 2)
    here, there = (
        slice(one * PAGE, one * PAGE + PAGE),
        slice(two * PAGE, two * PAGE + PAGE),
    )
    first, second = bytes(content[here]), bytes(content[there])
    content[there] = first
    if swap:
        content[here] = second
    path.write_bytes(content)


def swap_pages(files: LogFiles) -> None:
    """Swap two pages of the database."""
    _two_pages(files, swap=True)


def double_a_page(files: LogFiles) -> None:
    """Write a page of the database to the place of another too."""
    _two_pages(files, swap=False)


_OTHERS: tuple[Kind, ...] = (
    change_a_value,
    delete_a_row,
    double_a_row,
    swap_two_rows,
    empty_a_table,
    swap_pages,
    double_a_page,
)


def _of(kind: FileKind) -> Kind:
    return lambda files: kind(files, _store(files))


STORE_KINDS: dict[str, Kind] = {
    f"{kind.__name__.replace('_', ' ')}: store": _of(kind) for kind in ANY_FILE
} | {f"{kind.__name__.replace('_', ' ')}: store": kind for kind in _OTHERS}
