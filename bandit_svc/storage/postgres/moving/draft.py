"""The draft of a store: schemas of their own, which get their names at the end.

Owns these schemas. Until they have their names there is no store of that name.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from bandit_svc.errors import Conflict
from bandit_svc.storage.moving.tables import (
    META,
    OF_ONE_STORE,
    PLACES_OF_SOURCES,
    MovedTable,
    Place,
    Rows,
)
from bandit_svc.storage.postgres.beside import INFIX
from bandit_svc.storage.postgres.copying import add_rows
from bandit_svc.storage.postgres.moving.columns import copy_into
from bandit_svc.storage.postgres.moving.connected import connected
from bandit_svc.storage.postgres.moving.snapshot import (
    ENDS,
    PostgresMovable,
    schema_of,
)
from bandit_svc.storage.postgres.soundness import MADE_AT
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.moving.key import keep_key
from bandit_svc.storage.sqlite.soundness import EVERY_SUM

END: Final = "_moving"
_FULL: Final = """
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = %s AND relkind IN ('r', 'p', 'v')"""
_AGE: Final = """
    UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'created_at_ms')
    WHERE name = %s"""


class PostgresDraft:
    """See storage.moving.sides.Draft."""

    def __init__(self, address: str, schema: str, folder: Path) -> None:
        """Describe the draft.

        Args:
            address: of the server and its database, as libpq takes it.
            schema: the name of the store that it is for.
            folder: of this machine, with the key of the pseudonyms.
        """
        self._address = address
        self._target = schema
        self._schema = f"{schema}{END}"
        self._folder = folder

    def check_vacant(self) -> None:
        """See the interface."""
        with self._connected(self._target) as connection:
            self._check_vacant(connection)

    def begin(self, places: Iterable[Place]) -> None:
        """See the interface."""
        with self._connected(self._schema) as connection:
            _drop(connection, _parts(connection, self._schema))
        for store in dict.fromkeys(place.beside for place in places):
            name = schema_of(self._schema, Place("store", store))
            with closing(self._storage(name)) as storage:
                storage.migrate()

    def fill(self, place: Place, table: MovedTable, batches: Iterable[Rows]) -> None:
        """See the interface."""
        copy = copy_into(place.part, table)
        with self._connected(schema_of(self._schema, place)) as connection:
            _empty(connection, table)
            for rows in batches:
                try:
                    add_rows(connection, copy, rows)
                except psycopg.DataError as error:
                    raise Conflict(
                        f"a row of the table {table.name} ({place}) can't be kept by a "
                        f"PostgreSQL server ({str(error).splitlines()[0]}); the store "
                        "stays where it is"
                    ) from error

    def end(
        self, sums_from_start: Collection[str], pseudonym_key: bytes | None
    ) -> None:
        """See the interface."""
        keep_key(self._folder, pseudonym_key)
        with self._connected(self._schema) as connection:
            if frozenset(sums_from_start) >= EVERY_SUM:
                connection.execute(_AGE, [MADE_AT])
            for schema in _parts(connection, self._schema):
                connection.execute(_search_path(schema))
                connection.execute("ANALYZE")

    def follow_stream(self, partitions: Sequence[str]) -> None:
        """See the interface."""
        with self._connected(self._schema) as connection:
            for partition in partitions:
                places = PLACES_OF_SOURCES.format(mark="%s")
                connection.execute(places.encode(), [partition])
            connection.execute("DELETE FROM cursors")

    def filled(self) -> PostgresMovable:
        """See the interface."""
        return PostgresMovable(self._address, self._schema)

    def storage(self) -> PostgresStorage:
        """See the interface."""
        return self._storage(self._schema)

    def finish(self) -> None:
        """See the interface."""
        with self._connected(self._target) as connection:
            self._check_vacant(connection)
            _drop(connection, _parts(connection, self._target))
            for schema in _parts(connection, self._schema):
                name = f"{self._target}{schema.removeprefix(self._schema)}"
                connection.execute(
                    sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(
                        sql.Identifier(schema), sql.Identifier(name)
                    )
                )

    def _storage(self, schema: str) -> PostgresStorage:
        return PostgresStorage(self._address, schema, self._folder)

    def _check_vacant(self, connection: "psycopg.Connection[Any]") -> None:
        if connection.execute(_FULL, [self._target]).fetchone() is None:
            return
        is_ours = connection.execute("SELECT to_regclass('meta')").fetchone()
        words = "tables that are not of this service"
        if is_ours != (None,):
            ask = "SELECT 1 FROM meta WHERE name = 'secret'"
            if connection.execute(ask).fetchone() is None:
                # Nothing is kept before a store has its secret.
                return
            words = "a store already"
        raise Conflict(
            f"the schema {self._target!r} of the PostgreSQL server holds {words}; name "
            "another schema, or drop it and those that begin with its name first"
        )

    @contextmanager
    def _connected(self, schema: str) -> "Iterator[psycopg.Connection[Any]]":
        """Yield a connection, whose changes are kept if the body ends well."""
        with connected(self._address) as connection:
            connection.execute(_search_path(schema))
            yield connection


def _parts(connection: "psycopg.Connection[Any]", store: str) -> list[str]:
    """Return the schemas of a store, and of those beside it."""
    found = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)"
        " OR starts_with(nspname, %s) ORDER BY nspname",
        [[f"{store}{end}" for end in ENDS.values()], f"{store}{INFIX}"],
    )
    return [name for (name,) in found]


def _drop(connection: "psycopg.Connection[Any]", schemas: Iterable[str]) -> None:
    for schema in schemas:
        connection.execute(
            sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema))
        )


def _empty(connection: "psycopg.Connection[Any]", table: MovedTable) -> None:
    """Take away what a new store begins with."""
    rows = sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name))
    if table.name == META:
        connection.execute(
            rows + sql.SQL(" WHERE name <> ALL(%s)"), [sorted(OF_ONE_STORE)]
        )
    else:
        connection.execute(rows)


def _search_path(schema: str) -> sql.Composed:
    return sql.SQL("SET search_path = {}").format(sql.Identifier(schema))
