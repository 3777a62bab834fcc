"""A new store is a copy of what the migrations make, and nothing of another store."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from bandit_svc.storage.sqlite.schema import migrations
from bandit_svc.storage.sqlite.store import DATABASE, SqliteStorage

_SALT = "SELECT value FROM meta WHERE name = 'credit_salt'"
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"


def _new_store(folder: Path) -> Path:
    with closing(SqliteStorage(folder)) as storage:
        storage.migrate()
    return folder / DATABASE


def _migrated_step_by_step(folder: Path) -> Path:
    """A store that a former version began, and that this one has migrated."""
    folder.mkdir()
    with closing(SqliteStorage(folder)) as storage:
        with closing(sqlite3.connect(folder / DATABASE)) as connection:
            migrations.apply(Database(connection), stop_before="m014_sequences")
        storage.migrate()
    return folder / DATABASE


def _rows(file: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def test_it_has_what_a_store_has_that_was_migrated_step_by_step(tmp_path: Path) -> None:
    new = _new_store(tmp_path / "new")
    old = _migrated_step_by_step(tmp_path / "old")
    assert _rows(new, _SCHEMA) == _rows(old, _SCHEMA)
    tables = [
        str(name)
        for kind, name, *_ in _rows(new, _SCHEMA)
        if kind == "table" and name not in {"meta", "_sqlite_migrations"}
    ]
    for table in tables:
        every = f"SELECT * FROM {table}"  # noqa: S608 - a name of our tables
        assert _rows(new, every) == _rows(old, every)
    names = "SELECT name FROM meta ORDER BY name"
    assert _rows(new, names) == _rows(old, names)
    applied = "SELECT name FROM _sqlite_migrations ORDER BY id"
    assert _rows(new, applied) == _rows(old, applied)


def test_it_is_sound(tmp_path: Path) -> None:
    file = _new_store(tmp_path)
    with closing(SqliteStorage(tmp_path)) as storage:
        assert storage.facts.check() == []
    assert _rows(file, "PRAGMA journal_mode") == [("wal",)]


def test_two_of_one_process_have_salts_of_their_own(tmp_path: Path) -> None:
    first, second = (_new_store(tmp_path / name) for name in ("a", "b"))
    assert _rows(first, _SALT) != _rows(second, _SALT)


def test_a_file_with_tables_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    _new_store(tmp_path)
    assert _rows(tmp_path / DATABASE, "SELECT * FROM notes") == []
