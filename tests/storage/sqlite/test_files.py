"""What is SQLite's own: connections, damaged files, migrations, the version file."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as UtilsDatabase

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.errors import Conflict, Unavailable
from bandit_svc.storage.sqlite.database import Database
from bandit_svc.storage.sqlite.schema import LAST_MIGRATION, migrations
from bandit_svc.storage.sqlite.store import SqliteStorage
from bandit_svc.storage.sqlite.version_file import VersionFile


@pytest.fixture
def sqlite_store(folder: Path) -> Iterator[SqliteStorage]:
    storage = SqliteStorage(folder)
    yield storage
    storage.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "some.db")
    yield database
    database.close()


def open_files_named(path: Path) -> int:
    """Return how many of this process's descriptors lead to a file."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.exists() and link.resolve() == path for link in links)


def test_nothing_is_opened_before_it_is_used(folder: Path) -> None:
    SqliteStorage(folder).close()

    assert not folder.exists()


def test_only_the_owner_reads_a_new_database(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    sqlite_store.migrate()
    sqlite_store.initialise(b"s" * 32, 1)

    files = list(folder.glob("bandit.db*"))
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_commit_survives_the_loss_of_power(database: Database) -> None:
    with database.read() as connection:
        settings = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous")
        ]

    # 2 is FULL.
    assert settings == ["wal", 2]


def test_the_connections_of_ended_threads_are_closed(
    database: Database, tmp_path: Path
) -> None:
    def use() -> None:
        with database.read() as connection:
            connection.execute("SELECT 1")

    use()
    for _ in range(20):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    # This thread's, that of the last one that ended, and a spare one that SQLite
    # holds until no lock depends on it.
    assert open_files_named(tmp_path / "some.db") <= 3


def test_an_error_in_a_transaction_undoes_it(database: Database) -> None:
    with database.write() as connection:
        connection.execute("CREATE TABLE t (x)")

    def fail() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO t VALUES (1)")
            raise Conflict("no")

    with pytest.raises(Conflict):
        fail()

    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_file_that_is_no_database_is_unavailable_and_left_as_it_is(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    sqlite_store.migrate()
    sqlite_store.close()
    (folder / "bandit.db").write_bytes(b"not a database" * 1000)

    with pytest.raises(Unavailable, match="can't be used now"):
        sqlite_store.experiments.all()
    assert "can't be used now" in sqlite_store.facts.check()[0]
    assert (folder / "bandit.db").read_bytes().startswith(b"not a database")


def test_a_page_that_was_overwritten_is_found_by_the_check(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    sqlite_store.migrate()
    sqlite_store.close()
    path = folder / "bandit.db"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 2048] = b"\xee" * 2048
    path.write_bytes(content)

    assert len(sqlite_store.facts.check()) == 1


def test_a_store_in_a_folder_that_is_gone_is_unavailable(folder: Path) -> None:
    storage = SqliteStorage(folder)

    for use in (storage.experiments.all, storage.experiments.version):
        with pytest.raises(Unavailable):
            use()


def test_a_migration_that_fails_leaves_nothing_and_can_be_done_again(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    folder.mkdir()
    connection = sqlite3.connect(folder / "bandit.db")
    # Stands in the way of the second of three migrations, near its end.
    connection.execute("CREATE TABLE counters (x)")
    with pytest.raises(Unavailable):
        sqlite_store.migrate()
    tables = {
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
    }
    connection.execute("DROP TABLE counters")
    connection.close()

    assert "experiments" in tables
    assert "decisions" not in tables
    sqlite_store.migrate()
    sqlite_store.facts.ingest([], {"p": Cursor(1, 1)})
    assert sqlite_store.facts.cursors() == {"p": Cursor(1, 1)}


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    sqlite_store.migrate()
    path = folder / "bandit.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('bandit_svc', 'm999_moon', '2030-01-01 00:00:00+00:00')"
        )
        # As if an own migration were still to come.
        connection.execute(
            "DELETE FROM _sqlite_migrations WHERE name = ?", [LAST_MIGRATION]
        )
    for use in (sqlite_store.migrate, sqlite_store.check_schema):
        with pytest.raises(
            Unavailable, match=f"newer version.*m999_moon.*{LAST_MIGRATION}"
        ):
            use()
    with closing(sqlite3.connect(path)) as connection:
        (applied,) = connection.execute(
            "SELECT count(*) FROM _sqlite_migrations WHERE name = ?", [LAST_MIGRATION]
        ).fetchone()

    assert applied == 0


@pytest.mark.parametrize("lines", [[], [b"\xff{", b'{"type":"moon"}']])
def test_lines_that_an_earlier_version_set_aside_become_one_damage(
    sqlite_store: SqliteStorage, folder: Path, lines: list[bytes]
) -> None:
    folder.mkdir()
    with closing(sqlite3.connect(folder / "bandit.db")) as connection, connection:
        tables = UtilsDatabase(connection)
        migrations.apply(tables, stop_before="m016_set_aside")
        tables.table("unreadable").insert_all({"line": line} for line in lines)
    sqlite_store.migrate()
    found = sqlite_store.damages.unacknowledged()

    assert [(d.damage.facts, d.damage.bytes) for d in found] == (
        [(2, 17)] if lines else []
    )
    for kept in found:
        assert sqlite_store.damages.remains(kept.id) == b"\n".join(lines)
        assert "as an earlier version read it" in str(kept.damage)


def test_two_processes_do_not_migrate_at_once(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    other = SqliteStorage(folder)
    with other.leases.hold("migrate") as held:
        assert held is not None
        with pytest.raises(Unavailable, match="another process is migrating"):
            sqlite_store.migrate()


def test_a_version_that_is_being_changed_differs_at_each_look(tmp_path: Path) -> None:
    reader, writer = (VersionFile(tmp_path / "version") for _ in range(2))
    writer.bump()
    before = [reader.read(), reader.read()]
    with writer.changing():
        # If the writer is killed here, its change may have been committed.
        during = [reader.read(), reader.read()]
    after = [reader.read(), reader.read()]
    reader.close()
    writer.close()

    assert len({*before, *during, *after}) == 4
    assert before[0] == before[1]
    assert after[0] == after[1]


def test_a_definition_without_a_policy_keeps_the_default_of_before(
    sqlite_store: SqliteStorage, folder: Path
) -> None:
    folder.mkdir()
    definition = '{"key":"hero","variants":[{"key":"a"},{"key":"b"}]'
    other = ',"policy":{"kind":"linear"}}'
    with closing(sqlite3.connect(folder / "bandit.db")) as connection, connection:
        migrations.apply(UtilsDatabase(connection), stop_before="m014_sequences")
        for number, (key, text) in enumerate(
            (("hero", definition + "}"), ("other", definition + other)), start=1
        ):
            connection.execute(
                "INSERT INTO experiments (number, key, revision, salt, created_at_ms,"
                " revised_at_ms, definition) VALUES (?, ?, 1, 'salt', 0, 0, ?)",
                [number, key, text],
            )
            connection.execute(
                "INSERT INTO revisions (number, revision, revised_at_ms, definition)"
                " VALUES (?, 1, 0, ?)",
                [number, text],
            )
    sqlite_store.migrate()

    stored = {key: sqlite_store.experiments.get(key) for key in ("hero", "other")}
    assert stored["hero"].definition.policy == {"kind": "vw"}
    assert stored["other"].definition.policy == {"kind": "linear"}
    (revision,) = sqlite_store.experiments.revisions(1)
    assert revision.definition["policy"] == {"kind": "vw"}
