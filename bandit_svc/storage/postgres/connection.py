"""A connection that takes the statements of the embedded store.

Owns how one statement, and one with many parameters, goes to the server.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from bandit_svc.storage.postgres.copying import Changed, Copy, add_rows, copy_of
from bandit_svc.storage.postgres.dialect import Dialect

Row = tuple[Any, ...]
Values = Sequence[Any]


class Connection:
    """One connection; it takes the statements of the embedded store."""

    def __init__(self, plain: "psycopg.Connection[Row]", dialect: Dialect) -> None:
        self.plain = plain
        self._dialect = dialect
        self._copies: dict[str, Copy | None] = {}

    def execute(self, sql: str, parameters: Values = (), /) -> "psycopg.Cursor[Row]":
        """Run one statement."""
        statement = self._dialect.translated(sql)
        if not statement.sql:
            return self.plain.cursor()
        return self.plain.execute(statement.sql, statement.given(parameters))

    def executemany(
        self, sql: str, parameters: Iterable[Values], /
    ) -> "psycopg.Cursor[Row] | Changed":
        """Run one statement with many parameters."""
        rows = [*parameters]
        statement = self._dialect.translated(sql)
        copy = self._copy(sql, statement.sql)
        if copy is not None:
            return add_rows(self.plain, copy, rows)
        cursor = self.plain.cursor()
        cursor.executemany(statement.sql, [statement.given(one) for one in rows])
        return cursor

    def _copy(self, sql: str, translated: str) -> Copy | None:
        if sql not in self._copies:
            self._copies[sql] = copy_of(sql, translated, self._dialect.tables)
        return self._copies[sql]
