"""A connection that takes the statements of the embedded store.

Owns how one statement, and one with many parameters, goes to the server.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from bandit_svc.storage.postgres.copying import FEWEST, Copy, copy_of, copy_rows
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
    ) -> "psycopg.Cursor[Row]":
        """Run one statement with many parameters."""
        rows = [*parameters]
        copy = self._copy(sql) if len(rows) >= FEWEST else None
        if copy is not None:
            return copy_rows(self.plain, copy, rows)
        statement = self._dialect.translated(sql)
        cursor = self.plain.cursor()
        cursor.executemany(statement.sql, [statement.given(one) for one in rows])
        return cursor

    def _copy(self, sql: str) -> Copy | None:
        if sql not in self._copies:
            self._copies[sql] = copy_of(sql, self._dialect.tables)
        return self._copies[sql]
