"""The tables that a move takes along, and the form in which their rows are compared.

Owns which tables and columns are a store's own and stay: counts of rows and checksums
are made anew where the rows arrive. Every other value goes over as it is: numbers,
positions, salts, the secret.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Final, Literal, NamedTuple

import msgspec

from bandit_svc.storage.moving.left import MOVED_TO
from bandit_svc.storage.sqlite.migrations.described import Column, described
from bandit_svc.storage.sqlite.schema import migrations

Cell = int | float | str | bytes | None
Row = tuple[Cell, ...]
Rows = Sequence[Row]
Part = Literal["store", "units", "caps"]
"""The store itself, the states of units, and the places under strict caps."""

META: Final = "meta"
PLACES_OF_SOURCES: Final = """INSERT INTO source_cursors
        (partition, source, segment, "offset", sequence, resumes)
    SELECT {mark}, partition, segment, "offset", sequence, 0 FROM cursors
    WHERE true ON CONFLICT DO NOTHING"""
"""The SQL that makes a cursor of the files one of a source in a stream's partition."""
OF_ONE_STORE: Final = frozenset(
    {
        *("schema", "tables", "tables_at_ms", "pseudonym_key_mark", "log_of", "server"),
        MOVED_TO,
    }
)
"""Rows of the table meta that say something of the store in which they are."""
_COUNTS: Final = "row_counts"
_CHECKSUMS: Final = frozenset({"crc", "crc_apart"})
_WITH_CHECKSUMS: Final = frozenset({"shared_parts"})
"""Their checksums are read in every store; see sqlite.rows.shared_parts."""
_APART: Final = "crc_apart"
_LARGE: Final = "state"
"""The column that such a checksum is of; it is never NULL."""
_PLACES: Final = "places"
_encode: Final = msgspec.msgpack.Encoder().encode


class Place(NamedTuple):
    """Where tables are.

    Attributes:
        part: of the store.
        beside: the name of the store beside it that has the part; empty for itself.
    """

    part: Part
    beside: str = ""

    def __str__(self) -> str:
        """Return the place for a sentence."""
        words = {"store": "the store", "units": "states of units", "caps": "caps"}
        return words[self.part] + (f" beside it, {self.beside}" if self.beside else "")


class MovedTable(NamedTuple):
    """A table with the columns that are moved.

    Attributes:
        is_checked: it has checksums in the embedded store.
        large: the place of a column whose value has a checksum of its own.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_checked: bool = False
    large: int | None = None

    @property
    def brings_checksums(self) -> bool:
        """True if the checksums of its rows are moved with them."""
        return self.name in _WITH_CHECKSUMS

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def select(self, source: str) -> str:
        """Return the SQL of its rows in the order of the key.

        Args:
            source: SQL of the table or view that has them.
        """
        names, key = (
            ", ".join(f'"{name}"' for name in some) for some in (self.names, self.key)
        )
        return f"SELECT {names} FROM {source} ORDER BY {key}"  # noqa: S608 - our own names

    def whole(self, rows: Rows) -> Rows:
        """Return rows without those whose large value is missing, being damaged."""
        at = self.large
        return rows if at is None else [row for row in rows if row[at] is not None]

    def fitting(self, rows: Rows) -> Rows:
        """Return rows without those that are the store's own."""
        if self.name != META:
            return rows
        return [row for row in rows if row[0] not in OF_ONE_STORE]


class TableHash:
    """What all rows of a table come to: their count, and a hash that any store gives.

    A number is hashed with its kind, and -0.0 as 0.0, which is how SQLite keeps it.
    """

    def __init__(self, table: MovedTable) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()
        self._reals = [
            at for at, column in enumerate(table.columns) if column.type == "REAL"
        ]

    def add(self, rows: Rows) -> None:
        """Add rows in the order of the key."""
        self.rows += len(rows)
        for row in rows:
            self._hash.update(_encode(self._plain(row) if self._reals else row))

    def sha256(self) -> str:
        """Return the hash of the rows so far."""
        return self._hash.hexdigest()

    def _plain(self, row: Row) -> list[Cell]:
        cells = [*row]
        for at in self._reals:
            value = cells[at]
            if isinstance(value, float):
                cells[at] = value + 0.0
        return cells


def moved_tables(part: Part) -> Sequence[MovedTable]:
    """Return the tables of a part, in the order in which they are moved."""
    return _of_store() if part == "store" else _BESIDE[part]


@cache
def _of_store() -> Sequence[MovedTable]:
    found = []
    for table in described(migrations.apply).tables:
        if table.name == _COUNTS:
            continue
        stay = frozenset[str]() if table.name in _WITH_CHECKSUMS else _CHECKSUMS
        columns = tuple(c for c in table.columns if c.name not in stay)
        names = [column.name for column in columns]
        is_apart = any(column.name == _APART for column in table.columns)
        large = names.index(_LARGE) if is_apart else None
        found.append(
            MovedTable(table.name, columns, table.key, table.is_checked, large)
        )
    return found


def _plain_table(table: str, keys: int, /, **types: str) -> MovedTable:
    columns = tuple(
        Column(column, type_, is_required=False, default=None)
        for column, type_ in types.items()
    )
    return MovedTable(table, columns, tuple(types)[:keys])


_BESIDE: Final[dict[Part, Sequence[MovedTable]]] = {
    "units": (
        _plain_table("overshoot", 2, programme="TEXT", cap="TEXT", n="INTEGER"),
        _plain_table("place", 1, one="INTEGER", position="INTEGER", links="INTEGER"),
        _plain_table("units", 1, key="BLOB", state="BLOB"),
    ),
    "caps": (
        _plain_table("persons", 1, id="BLOB", person="BLOB"),
        _plain_table(
            *(_PLACES, 3),
            person="BLOB",
            cap="BLOB",
            decision="TEXT",
            at_ms="INTEGER",
            until_ms="INTEGER",
        ),
    ),
}
