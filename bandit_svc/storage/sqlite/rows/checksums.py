"""Checksums of rows: a changed bit in the store is noticed and becomes no number.

Owns the column `crc` of every checked table, what fills it, and the view `sound_TABLE`
of the rows that fit it. A new table is checked by one line in its migration,
`check_rows(db, "TABLE")` (with the number of facts that a row holds, if any), and is
read as `sound_TABLE`; `bandit-svc doctor` finds it by its column.

Triggers fill the column, so that no writer can forget it. They cost some 10 us a row,
so that a table of many rows goes without (`by_writers`): its writers bring the checksum
(`row_crc`, in the order of the columns), count the row, and change sound rows alone. A
row that does not fit its checksum gets none when it is updated: it stays damaged.
Whoever reads a damaged row through the view gets no row; `Database` keeps the damage
in the table `damages` behind the transaction. A large value that few readers need has a
checksum of its own (`apart`), and is NULL in the view where it is damaged.
"""

import sqlite3
import struct
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

import msgspec
from sqlite_utils import Database

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.sqlite.rows.counts import count_rows

COLUMN = "crc"
APART = "crc_apart"
SOUND = "sound_"
_BEHIND_KEYS = 1_000_000

_Value = int | float | bytes | None
_pack_crc = struct.Struct("<I").pack
_encode = msgspec.msgpack.Encoder().encode


def row_crc(*row: str | _Value) -> bytes:
    """Return the CRC-32 of a table's name and the values of a row.

    Texts come as UTF-8, because SQLite may hold damaged ones. A number that SQLite
    keeps as another one must come as it is kept: True as 1, and -0.0 as 0.0.
    """
    return _pack_crc(crc32(_encode(row)))


def add_functions(
    connection: sqlite3.Connection, found: Callable[[Damage], None]
) -> None:
    """Add what triggers and views of checked tables call; needed to use the store.

    Args:
        found: told of each damaged row that is met.
    """

    def is_sound(
        table: str,
        facts: int,
        keys: int,
        row_id: int | None,
        crc: _Value,
        *values: _Value,
    ) -> bool:
        if row_crc(table, *values) == crc:
            return True
        found(Damage(table, 0, _place(keys, row_id, [*values]), facts, 0, "row"))
        return False

    def sound_value(
        table: str, row_id: int | None, crc: _Value, value: _Value, *keys: _Value
    ) -> _Value:
        if row_crc(table, value) == crc:
            return value
        place = _place(len(keys), row_id, [*keys])
        found(Damage(table, 0, place, 0, 0, "row"))
        return None

    connection.create_function("row_crc", -1, row_crc, deterministic=True)
    connection.create_function("row_is_sound", -1, is_sound)
    connection.create_function("sound_value", -1, sound_value)
    # Else a build of SQLite may refuse functions of ours in triggers and views.
    connection.execute("PRAGMA trusted_schema = ON")
    # Else a row that is replaced stays counted; see counts.py.
    connection.execute("PRAGMA recursive_triggers = ON")


def _place(keys: int, row_id: int | None, values: list[_Value]) -> int:
    """Return a number that names a row: its rowid, or a hash of its key."""
    if row_id is not None:
        return row_id
    return crc32(_encode(values[:keys]))


class _Column(NamedTuple):
    name: str
    type: str
    key: int
    """Its place in the primary key, 0 for none."""

    def value(self, prefix: str) -> str:
        """Return the SQL of what a checksum covers.

        A function can't be called with a text that is no UTF-8, and damage makes such
        texts, also where there was a number.
        """
        name = f'{prefix}"{self.name}"'
        if self.type == "TEXT":
            return (
                f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB)"
                f" WHEN 'null' THEN NULL ELSE 0 END"
            )
        return f"iif(typeof({name}) = 'text', 'text', {name})"


class _Table(NamedTuple):
    """A table and the columns that its checksum covers: those of the key first."""

    name: str
    columns: tuple[_Column, ...]
    has_row_id: bool
    apart: _Column | None
    """A column with a checksum of its own, which the checksum of the row covers."""

    @property
    def keys(self) -> list[_Column]:
        """The columns of the primary key."""
        return [column for column in self.columns if column.key]

    def names(self) -> str:
        """Return the SQL of the columns, but for the one that is apart."""
        return ", ".join(f'"{column.name}"' for column in self.columns)

    def values(self, prefix: str = "", apart: str = "") -> str:
        """Return the SQL of the values that the checksum covers.

        Args:
            prefix: of the columns.
            apart: SQL of the checksum of the value apart; the stored one if empty.
        """
        values = [column.value(prefix) for column in self.columns]
        if self.apart is not None:
            values.append(apart or _as_crc(prefix + APART))
        return ", ".join(values)

    def crc(self, prefix: str = "", apart: str = "") -> str:
        """Return the SQL of the checksum that a row should have; see `values`."""
        return f"row_crc('{self.name}', {self.values(prefix, apart)})"

    def apart_crc(self) -> str:
        """Return the SQL of the checksum that the value apart should have."""
        value = "NULL" if self.apart is None else self.apart.value("")
        return f"row_crc('{self.name}', {value})"

    def is_new_row(self) -> str:
        """Return the SQL that finds the row of a trigger."""
        if self.has_row_id:
            return "rowid = NEW.rowid"
        return " AND ".join(f'"{c.name}" = NEW."{c.name}"' for c in self.keys)

    def place(self) -> str:
        """Return the SQL of the number that names a row, NULL for a hash of its key."""
        if not self.keys:
            return "rowid"
        # An integer key is the rowid, which VACUUM does not change.
        first, *others = self.keys
        return f'"{first.name}"' if first.type == "INTEGER" and not others else "NULL"


def check_rows(
    db: Database,
    name: str,
    facts: int = 0,
    apart: str | None = None,
    *,
    by_writers: bool = False,
) -> None:
    """Check and count the rows of a table from now on; the present ones as they are.

    Call it again where a later migration changes the columns.

    Args:
        db: in the transaction of a migration.
        name: of the table.
        facts: how many facts are lost with a row.
        apart: a column of large values that gets a checksum of its own.
        by_writers: no trigger fills the checksum or counts the row.
    """
    columns = {row[1] for row in db.execute(f"PRAGMA table_info({name})")}
    for column in (COLUMN, *([APART] if apart else ())):
        if column not in columns:
            db.execute(f"ALTER TABLE {name} ADD COLUMN {column} BLOB")
    for trigger in (f"{name}_inserted", f"{name}_updated"):
        db.execute(f"DROP TRIGGER IF EXISTS {trigger}")
    db.execute(f"DROP VIEW IF EXISTS {SOUND}{name}")
    table = _described(db, name, apart)
    if apart:
        db.execute(f"UPDATE {name} SET {APART} = {table.apart_crc()}")  # noqa: S608 - of a migration
    db.execute(f"UPDATE {name} SET {COLUMN} = {table.crc()}")  # noqa: S608 - of a migration
    if not by_writers:
        _create_triggers(db, table)
    _create_view(db, table, facts)
    count_rows(db, name, by_writers=by_writers)


def checked_tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of the checked tables."""
    rows = connection.execute(
        "SELECT t.name FROM sqlite_schema t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND c.name = ? ORDER BY t.name",
        (COLUMN,),
    )
    return [name for (name,) in rows.fetchall()]


def schema_crc(connection: sqlite3.Connection) -> str:
    """Return the CRC-32 of all definitions of the database, in hexadecimal digits."""
    rows = connection.execute(
        "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(tbl_name AS BLOB),"
        " CAST(sql AS BLOB) FROM sqlite_schema ORDER BY type, name"
    ).fetchall()
    return row_crc("sqlite_schema", _encode(rows)).hex()


def _as_crc(name: str) -> str:
    """Return the SQL of a checksum, NULL where damage has made it another thing."""
    return f"iif(typeof({name}) = 'blob', {name}, NULL)"


def _described(db: Database, name: str, apart: str | None) -> _Table:
    (sql,) = db.execute(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", [name]
    ).fetchone()
    columns = [
        _Column(column, kind.upper(), key)
        for _, column, kind, _, _, key in db.execute(f"PRAGMA table_info({name})")
        if column not in {COLUMN, APART}
    ]
    columns.sort(key=lambda column: column.key or _BEHIND_KEYS)
    return _Table(
        name,
        tuple(column for column in columns if column.name != apart),
        "WITHOUT ROWID" not in sql.upper(),
        next((column for column in columns if column.name == apart), None),
    )


def _create_triggers(db: Database, table: _Table) -> None:
    """Fill the checksums of a row whose writer has not done so."""
    name, row, columns = table.name, table.is_new_row(), table.names()
    new = kept = ""
    if table.apart is not None:
        column = f'"{table.apart.name}"'
        columns += f", {column}"
        new = f"{APART} = {table.apart_crc()},"
        kept = (
            f"CASE WHEN NEW.{column} IS OLD.{column} THEN OLD.{APART}"
            f" ELSE {table.apart_crc()} END"
        )
    db.execute(
        f"CREATE TRIGGER {name}_inserted AFTER INSERT ON {name}"  # noqa: S608 - of a migration
        f" WHEN NEW.{COLUMN} IS NULL BEGIN UPDATE {name}"
        f" SET {new} {COLUMN} = {table.crc(apart=table.apart_crc())} WHERE {row}; END"
    )
    db.execute(
        f"CREATE TRIGGER {name}_updated AFTER UPDATE OF {columns} ON {name}"  # noqa: S608 - of a migration
        f" WHEN NEW.{COLUMN} IS OLD.{COLUMN} BEGIN UPDATE {name}"
        f" SET {f'{APART} = {kept},' if kept else ''}"
        f" {COLUMN} = CASE WHEN OLD.{COLUMN} = {table.crc('OLD.')}"
        f" THEN {table.crc(apart=kept)} END WHERE {row}; END"
    )


def _create_view(db: Database, table: _Table, facts: int) -> None:
    name, keys = table.name, len(table.keys)
    columns = table.names()
    if table.apart is not None:
        of_key = "".join(f", {key.value('')}" for key in table.keys)
        columns += (
            f", sound_value('{name}', {table.place()}, {_as_crc(APART)},"
            f' {table.apart.value("")}{of_key}) AS "{table.apart.name}"'
        )
    # In a query of its own, for else SQLite puts the value of a condition `key = ?` in
    # place of the column, and may ask before it has compared the two.
    db.execute(
        f"CREATE VIEW {SOUND}{name} AS SELECT {columns} FROM {name}"  # noqa: S608 - of a migration
        f" WHERE (SELECT row_is_sound('{name}', {facts}, {keys}, {table.place()},"
        f" {_as_crc(COLUMN)}, {table.values()}))"
    )
