"""Many rows at once: what a server has after them is what SQLite has after each.

The rows of a batch have few keys, so that one comes several times, and are as many as
go by one statement, by several, or by a COPY.
"""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from bandit_svc.storage.postgres.connection import Connection
from bandit_svc.storage.postgres.copying import FEWEST
from bandit_svc.storage.postgres.dialect import Columns, Dialect

KEYS = 7
CREATE = "CREATE TEMP TABLE sums (name text, at bigint, n bigint, last {}, crc {},"
KEY = " PRIMARY KEY (name, at))"
TABLES = {
    "sums": Columns(
        ["name", "at", "n", "last"],
        ["name", "at"],
        ["text", "int8", "int8", "bytea"],
        ["name", "at", "n", "last", "crc"],
    )
}
STATEMENTS = {
    "adds": (
        "INSERT INTO sums VALUES (?, ?, ?, ?, NULL) ON CONFLICT (name, at)"
        " DO UPDATE SET n = n + excluded.n, last = excluded.last"
    ),
    "adds where": (
        "INSERT INTO sums (name, n, at, last, crc) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (name, at) DO UPDATE SET n = excluded.n, crc = excluded.crc"
        " WHERE n < excluded.n"
    ),
    "replaces": "INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?, NULL)",
    "ignores": "INSERT OR IGNORE INTO sums VALUES (?, ?, ?, ?, ?)",
    "does nothing": (
        "INSERT INTO sums VALUES (?, ?, ?, ?, ?) ON CONFLICT (name, at) DO NOTHING"
    ),
}


@pytest.fixture
def connection(postgres: str) -> Iterator[Connection]:
    """Return a connection that has an empty table of its own."""
    with psycopg.connect(postgres) as plain:
        plain.execute((CREATE.format("bytea", "bytea") + KEY).encode())
        yield Connection(plain, Dialect(TABLES))
        plain.rollback()


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize("rows", [0, 1, 2, 13, FEWEST - 1, FEWEST, 5 * FEWEST])
def test_a_batch_is_as_its_rows_one_by_one(
    statement: str, rows: int, connection: Connection
) -> None:
    sql = STATEMENTS[statement]
    with closing(sqlite3.connect(":memory:")) as embedded:
        embedded.execute(CREATE.format("blob", "blob") + KEY)
        for batch in range(3):
            drawn = random.Random(f"{rows} {batch}")  # noqa: S311 - values of a test
            values = [row(drawn, sql) for _ in range(rows)]
            changed = embedded.executemany(sql, values).rowcount
            if rows:
                assert connection.executemany(sql, values).rowcount == changed
            read = "SELECT name, at, n, last FROM sums ORDER BY name, at"
            found = connection.execute(read).fetchall()
            assert found == embedded.execute(read).fetchall()


def test_rows_that_are_few_are_one_statement(connection: Connection) -> None:
    connection.plain.prepare_threshold = 0
    values = [("a", at, at, b"") for at in range(12)]
    connection.executemany(STATEMENTS["adds"], values)
    prepared = connection.execute("SELECT statement FROM pg_prepared_statements")
    sizes = {text.count("($") for (text,) in prepared.fetchall() if "sums" in text}
    assert sizes == {8, 4}


def row(drawn: random.Random, sql: str) -> tuple[object, ...]:
    """Return the values of a row, in the order of the statement."""
    name, at, n = "abc"[drawn.randrange(3)], drawn.randrange(KEYS), drawn.randrange(99)
    values = (name, n, at) if "(name, n, at" in sql else (name, at, n)
    marks = sql.count("?")
    return (*values, drawn.randbytes(3), b"1234")[:marks]
