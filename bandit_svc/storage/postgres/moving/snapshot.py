"""All rows of the schemas of a store, in one view of the server.

Owns how a table is read: by COPY, in the order of its key.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql

from bandit_svc.domain.events.damage import Damage
from bandit_svc.storage.moving.left import MOVED_TO
from bandit_svc.storage.moving.tables import MovedTable, Part, Place, Row, Rows
from bandit_svc.storage.postgres.beside import INFIX
from bandit_svc.storage.postgres.moving.columns import types_of
from bandit_svc.storage.postgres.moving.connected import connected
from bandit_svc.storage.postgres.soundness import MADE_AT
from bandit_svc.storage.sqlite.soundness import EVERY_SUM

BATCH: Final = 2_000
ENDS: Final[dict[Part, str]] = {"store": "", "units": "_units", "caps": "_caps"}
"""What follows the name of a store in the schemas of its parts."""
_SCHEMAS: Final = """
    SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)
        AND EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = pg_namespace.oid)
    ORDER BY nspname"""
_ONE_VIEW: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TIME: Final = "SELECT CAST(value AS bigint) FROM {}.meta WHERE name = %s"


class PostgresMovable:
    """See storage.moving.sides.MovableStore."""

    def __init__(self, address: str, schema: str) -> None:
        """Describe the store.

        Args:
            address: of the server and its database, as libpq takes it.
            schema: its name.
        """
        self._address = address
        self._schema = schema

    @contextmanager
    def snapshot(self) -> "Iterator[PostgresSnapshot]":
        """See the interface."""
        with connected(self._address) as connection:
            connection.execute(_ONE_VIEW)
            yield PostgresSnapshot(connection, self._schema)

    def leave(self, moved_to: str | None) -> None:
        """See the interface."""
        meta = sql.Identifier(self._schema, "meta")
        with connected(self._address) as connection:
            delete = sql.SQL("DELETE FROM {} WHERE name = %s").format(meta)
            connection.execute(delete, [MOVED_TO])
            if moved_to is not None:
                insert = sql.SQL("INSERT INTO {} (name, value) VALUES (%s, %s)")
                connection.execute(insert.format(meta), [MOVED_TO, moved_to])


class PostgresSnapshot:
    """See storage.moving.sides.Snapshot."""

    def __init__(self, connection: "psycopg.Connection[Any]", schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def places(self) -> Sequence[Place]:
        """See the interface."""
        found = self._connection.execute(_SCHEMAS, [self._schema]).fetchall()
        schemas = {name for (name,) in found}
        infix = f"{self._schema}{INFIX}"
        stores = [""]
        # The longer name is that of a part.
        for name in sorted(schemas):
            beside = name.removeprefix(infix)
            if name.startswith(infix) and not beside.endswith(tuple(ENDS.values())[1:]):
                stores.append(beside)
        places = [Place(part, beside) for beside in stores for part in ENDS]
        return [place for place in places if self._name(place) in schemas]

    def count(self, place: Place, table: MovedTable) -> int:
        """See the interface."""
        ask = sql.SQL("SELECT count(*) FROM {}").format(self._table(place, table))
        row = self._connection.execute(ask).fetchone()
        return 0 if row is None else int(row[0])

    def read(self, place: Place, table: MovedTable) -> Iterator[Rows]:
        """See the interface."""
        select = sql.SQL(table.select("{}")).format(self._table(place, table))
        copy = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(select)
        rows: list[Row] = []
        with self._connection.cursor().copy(copy) as copying:
            copying.set_types(types_of(place.part, table))
            for row in copying.rows():
                rows.append(row)
                if len(rows) == BATCH:
                    yield rows
                    rows = []
        yield rows

    def damaged(self) -> Sequence[Damage]:
        """See the interface."""
        # The server reads no page that does not fit its checksum.
        return ()

    def sums_from_start(self) -> Collection[str]:
        """See the interface."""
        made, created = (self._time(name) for name in (MADE_AT, "created_at_ms"))
        is_whole = made is not None and created is not None and made <= created
        return EVERY_SUM if is_whole else frozenset()

    def _time(self, name: str) -> int | None:
        ask = sql.SQL(_TIME).format(sql.Identifier(self._schema))
        row = self._connection.execute(ask, [name]).fetchone()
        return None if row is None else int(row[0])

    def _table(self, place: Place, table: MovedTable) -> sql.Identifier:
        return sql.Identifier(self._name(place), table.name)

    def _name(self, place: Place) -> str:
        return schema_of(self._schema, place)


def schema_of(store: str, place: Place) -> str:
    """Return the name of the schema of a part of a store, or of one beside it."""
    beside = f"{INFIX}{place.beside}" if place.beside else ""
    return f"{store}{beside}{ENDS[place.part]}"
