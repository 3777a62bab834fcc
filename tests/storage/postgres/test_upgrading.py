"""A schema that an earlier version made: what it has, and what it gets."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlite_utils import Database

from bandit_svc.errors import Unavailable
from bandit_svc.storage.postgres import schema
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.migrations.described import described
from bandit_svc.storage.sqlite.schema import migrations

NAME = "earlier"
NEWER = "m999_of_the_future"
FIRST = "m045_programme_totals"
"""With tables, columns and indexes to come."""
ALL = [one.name for one in migrations.pending(Database(memory=True))]
_SHAPE = """
    SELECT 'column', table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = %s
    UNION ALL
    SELECT 'index', tablename, indexname, replace(indexdef, schemaname, ''), '', ''
    FROM pg_indexes WHERE schemaname = %s ORDER BY 1, 2, 3"""


@pytest.fixture
def storage(postgres: str, tmp_path: Path) -> Iterator[PostgresStorage]:
    made = PostgresStorage(postgres, NAME, tmp_path)
    made.migrate()
    made.initialise(bytes(32), 0)
    yield made
    made.close()
    for part in ("", "_units", "_caps"):
        ask(postgres, f"DROP SCHEMA {NAME}{part} CASCADE")


@pytest.mark.parametrize("last", [FIRST, ALL[-2]])
def test_the_tables_of_an_earlier_version_become_those_of_this_one(
    storage: PostgresStorage, postgres: str, last: str
) -> None:
    expected = shape(postgres)
    make_as_of(postgres, last)
    with pytest.raises(Unavailable, match="of an earlier version"):
        storage.check_schema()
    before = shape(postgres)
    storage.migrate()
    storage.check_schema()

    assert before != expected
    assert shape(postgres) == expected
    assert storage.secret() == bytes(32)


def test_a_store_without_the_view_of_rows_by_key_gets_it(
    storage: PostgresStorage, postgres: str
) -> None:
    ask(postgres, "DROP VIEW decision_rows")
    storage.migrate()

    assert storage.joins.after(1, 0, 10) == []


def test_the_tables_of_a_newer_version_are_left_as_they_are(
    storage: PostgresStorage, postgres: str
) -> None:
    mark(postgres, NEWER)
    for use in (storage.migrate, storage.check_schema):
        with pytest.raises(Unavailable, match="use the newer version"):
            use()

    assert version(postgres) == NEWER


def make_as_of(address: str, last: str) -> None:
    """Make the schema anew as the version of a migration made it, with its meta."""
    stop = ALL[ALL.index(last) + 1]
    earlier = described(lambda db: migrations.apply(db, stop_before=stop))
    kept = ask(address, "SELECT name, value FROM meta")
    ask(address, f"DROP SCHEMA {NAME} CASCADE")
    ask(address, f"CREATE SCHEMA {NAME}")
    ask(address, "CREATE SEQUENCE changes", *schema.statements(earlier))
    with connected(address) as connection:
        connection.cursor().executemany(
            "INSERT INTO meta (name, value) VALUES (%s, %s)", kept
        )
    mark(address, last)


def mark(address: str, last: str) -> None:
    with connected(address) as connection:
        change = "UPDATE meta SET value = %s WHERE name = 'tables'"
        connection.execute(change, [last])


def version(address: str) -> str:
    ((found,),) = ask(address, "SELECT value FROM meta WHERE name = 'tables'")
    return str(found)


def shape(address: str) -> list[tuple[Any, ...]]:
    with connected(address) as connection:
        return connection.execute(_SHAPE, [NAME, NAME]).fetchall()


def connected(address: str) -> "closing[psycopg.Connection[Any]]":
    options = f"-c search_path={NAME}"
    return closing(psycopg.connect(address, autocommit=True, options=options))


def ask(address: str, *statements: str) -> list[tuple[Any, ...]]:
    with connected(address) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
