"""A connection that takes the statements of the embedded store.

Owns how one statement, and one with many parameters, goes to the server.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from bandit_svc.storage.postgres.copying import Changed, Copy, add_rows, copy_of
from bandit_svc.storage.postgres.dialect import Dialect
from bandit_svc.storage.postgres.nul import is_of_nul, sendable, sendable_rows

Row = tuple[Any, ...]
Values = Sequence[Any]


class Connection:
    """One connection; it takes the statements of the embedded store.

    Attributes:
        plain: takes those of the server.
        is_beside: whether its transaction that writes has others beside it.
    """

    def __init__(self, plain: "psycopg.Connection[Row]", dialect: Dialect) -> None:
        self.plain = plain
        self.is_beside = False
        self._dialect = dialect
        self._copies: dict[str, Copy | None] = {}

    def execute(self, sql: str, parameters: Values = (), /) -> "psycopg.Cursor[Row]":
        """Run one statement."""
        statement = self._dialect.translated(sql)
        if not statement.sql:
            return self.plain.cursor()
        given = statement.given(parameters)
        try:
            return self.plain.execute(statement.sql, sendable(given))
        except psycopg.DataError as error:
            failed = self.plain.info.transaction_status == TransactionStatus.INERROR
            if not is_of_nul(error) or failed:
                raise
            # This process itself has refused it; nothing was sent.
            return self.plain.execute(statement.sql, sendable(given))

    def executemany(
        self, sql: str, parameters: Iterable[Values], /
    ) -> "psycopg.Cursor[Row] | Changed":
        """Run one statement with many parameters."""
        rows = sendable_rows([*parameters])
        statement = self._dialect.translated(sql)
        copy = self._copy(sql, statement.sql)
        try:
            if copy is not None:
                return add_rows(self.plain, copy, rows)
            cursor = self.plain.cursor()
            cursor.executemany(statement.sql, [statement.given(one) for one in rows])
        except psycopg.DataError as error:
            is_of_nul(error)
            raise
        return cursor

    def _copy(self, sql: str, translated: str) -> Copy | None:
        if sql not in self._copies:
            self._copies[sql] = copy_of(sql, translated, self._dialect.tables)
        return self._copies[sql]
