"""All that a store holds goes to a server and back, and is the same."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from shutil import copytree

import psycopg
import pytest

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import BanditError, Conflict, Unavailable
from bandit_svc.services.learning.replay import replay
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.moving.tables import moved_tables
from bandit_svc.storage.postgres.moving.draft import PostgresDraft
from bandit_svc.storage.postgres.moving.snapshot import PostgresMovable
from bandit_svc.storage.postgres.store import PostgresStorage
from bandit_svc.storage.sqlite.moving.draft import FOLDER, SqliteDraft
from bandit_svc.storage.sqlite.moving.snapshot import SqliteMovable
from bandit_svc.storage.sqlite.store import SqliteStorage
from tests.harness.raw_store import change_store, damage_store, raw_store
from tests.harness.stored.moves import (
    KILLED,
    hashes,
    is_vacant,
    to_folder,
    to_server,
)
from tests.harness.waiting import GENEROUS_S

ROOT = Path(__file__).parents[3]
NO_SCHEMA = "SELECT count(*) FROM pg_namespace WHERE nspname = %s"


def test_every_row_goes_there_and_back(
    played: Path, postgres: str, schema: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copytree(played, data)
    expected = hashes(SqliteMovable(data))
    tables = {table.name for table in moved_tables("store")}
    assert {name for place, name in expected if place == ("store", "")} == tables

    there = to_server(data, postgres, schema)
    back = to_folder(postgres, schema, tmp_path / "back")

    assert hashes(PostgresMovable(postgres, schema)).items() >= expected.items()
    assert hashes(SqliteMovable(tmp_path / "back")).items() >= expected.items()
    assert hashes(SqliteMovable(data)) == expected
    assert there.models == back.models > 0
    with (
        closing(SqliteStorage(data)) as one,
        closing(SqliteStorage(tmp_path / "back")) as other,
    ):
        assert other.facts.check() == one.facts.check()
        other.check_schema()


def test_the_new_store_gives_the_published_models(
    data: Path, postgres: str, schema: str, tmp_path: Path
) -> None:
    checked: list[str] = []

    def verify(new: Storage) -> None:
        for experiment in new.experiments.all():
            assert replay(new, experiment).matches
            checked.append(experiment.key)

    to_server(data, postgres, schema, verify)
    to_folder(postgres, schema, tmp_path / "back", verify)

    assert checked == ["hero", "shelf", "page"] * 2


def test_a_place_that_holds_a_store_is_refused(
    data: Path, postgres: str, schema: str
) -> None:
    to_server(data, postgres, schema)
    expected = hashes(PostgresMovable(postgres, schema))

    with pytest.raises(Conflict, match="holds a store already"):
        to_server(data, postgres, schema)
    with pytest.raises(Conflict, match="holds a store already"):
        to_folder(postgres, schema, data)

    assert hashes(PostgresMovable(postgres, schema)) == expected


def test_a_schema_of_somebody_else_is_refused(
    data: Path, postgres: str, schema: str
) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.orders (id int)".encode())

    with pytest.raises(Conflict, match="tables that are not of this service"):
        to_server(data, postgres, schema)


def test_a_store_that_was_never_initialised_is_an_empty_place(
    data: Path, postgres: str, schema: str
) -> None:
    with closing(PostgresStorage(postgres, schema, data)) as storage:
        storage.migrate()

    to_server(data, postgres, schema)

    with closing(PostgresStorage(postgres, schema, data)) as storage:
        assert [one.key for one in storage.experiments.all()] == [
            *("hero", "shelf", "page")
        ]


def test_a_neighbour_of_a_store_that_is_away_is_refused(
    data: Path, postgres: str, schema: str, tmp_path: Path
) -> None:
    to_server(data, postgres, schema)
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "bandit.db-wal").write_bytes(b"of another store")

    with pytest.raises(Conflict, match=r"bandit\.db-wal"):
        to_folder(postgres, schema, tmp_path / "back")


@pytest.mark.parametrize("percent", [40, 101])
def test_a_move_that_was_killed_can_be_begun_again(
    percent: int, data: Path, postgres: str, schema: str, tmp_path: Path
) -> None:
    expected = hashes(SqliteMovable(data))
    back = tmp_path / "back"

    assert kill("server", postgres, schema, data, percent) == KILLED
    assert is_vacant(PostgresDraft(postgres, schema, data))
    assert hashes(SqliteMovable(data)) == expected
    to_server(data, postgres, schema)
    assert kill("folder", postgres, schema, back, percent) == KILLED
    assert is_vacant(SqliteDraft(back))
    assert hashes(PostgresMovable(postgres, schema)).items() >= expected.items()
    to_folder(postgres, schema, back)

    assert hashes(SqliteMovable(back)).items() >= expected.items()
    assert not (back / FOLDER).exists()


def test_a_move_that_was_killed_between_two_files_can_be_begun_again(
    data: Path, postgres: str, schema: str, tmp_path: Path
) -> None:
    to_server(data, postgres, schema)
    back = tmp_path / "back"
    (back / FOLDER).mkdir(parents=True)
    (back / "units.db").write_bytes(b"in its place, but for the store's own file")

    to_folder(postgres, schema, back)

    expected = hashes(SqliteMovable(data))
    assert hashes(SqliteMovable(back)).items() >= expected.items()


def kill(to: str, address: str, schema: str, folder: Path, percent: int) -> int:
    """Let a process move, and kill it on the way; return how it ended."""
    words = [to, address, schema, str(folder), str(percent)]
    return subprocess.run(
        [sys.executable, "-m", "tests.harness.stored.moves", *words],
        cwd=ROOT,
        timeout=GENEROUS_S,
        check=False,
    ).returncode


def test_a_definition_that_comes_meanwhile_is_not_lost(
    data: Path, postgres: str, schema: str
) -> None:
    late = Definition(key="late", variants=(Variant("a"), Variant("b")))

    def create(_new: Storage) -> None:
        with closing(SqliteStorage(data)) as storage:
            storage.experiments.create(late, "salt", 0)

    with pytest.raises(Conflict, match="was changed while it was copied"):
        to_server(data, postgres, schema, create)

    assert is_vacant(PostgresDraft(postgres, schema, data))
    to_server(data, postgres, schema)
    with closing(PostgresStorage(postgres, schema, data)) as storage:
        assert storage.experiments.get("late").definition == late


def test_damaged_rows_are_moved_only_when_their_loss_is_acknowledged(
    data: Path, postgres: str, schema: str
) -> None:
    damage_store(data, "UPDATE metric_names SET name = 'seconds!' WHERE number = 1")

    with pytest.raises(Conflict, match="don't fit their checksums"):
        to_server(data, postgres, schema)

    with closing(SqliteStorage(data)) as storage:
        storage.facts.check()
        for kept in storage.damages.unacknowledged():
            storage.damages.acknowledge(kept.id, 1)
    assert to_server(data, postgres, schema).left_behind == 1


def test_a_model_that_is_damaged_is_noticed(
    data: Path, postgres: str, schema: str
) -> None:
    damage_store(data, "UPDATE snapshots SET state = x'00' WHERE version = 1")

    with pytest.raises(Conflict, match="don't fit their checksums"):
        to_server(data, postgres, schema)


def test_rows_that_are_gone_are_noticed(data: Path, postgres: str, schema: str) -> None:
    change_store(data, "UPDATE row_counts SET n = n + 1 WHERE name = 'rewards'")

    with pytest.raises(Conflict, match="the table rewards"):
        to_server(data, postgres, schema)


def test_a_text_that_the_server_can_not_keep_is_refused(
    data: Path, postgres: str, schema: str
) -> None:
    change_store(data, "UPDATE keys SET origins = 'a' || char(0) WHERE scope = ''")

    with pytest.raises(BanditError, match="the table keys"):
        to_server(data, postgres, schema)

    assert is_vacant(PostgresDraft(postgres, schema, data))
    with psycopg.connect(postgres) as connection:
        assert connection.execute(NO_SCHEMA, [schema]).fetchone() == (0,)


def test_a_store_that_was_left_is_used_no_more(
    data: Path, postgres: str, schema: str, tmp_path: Path
) -> None:
    to_server(data, postgres, schema)
    to_folder(postgres, schema, tmp_path / "back")
    left: list[Storage] = [
        SqliteStorage(data),
        PostgresStorage(postgres, schema, data),
    ]

    for storage in left:
        for use in (storage.migrate, storage.check_schema):
            with pytest.raises(Unavailable, match="was moved to"):
                use()

    SqliteMovable(data).leave(None)
    PostgresMovable(postgres, schema).leave(None)
    for storage in left:
        storage.migrate()
        storage.check_schema()
        storage.close()
    with closing(SqliteStorage(tmp_path / "back")) as storage:
        storage.check_schema()


def test_cursors_of_files_become_those_of_sources_of_a_stream(
    data: Path, postgres: str, schema: str
) -> None:
    with closing(SqliteStorage(data)) as storage:
        cursors = storage.facts.cursors()
    with raw_store(data) as connection:
        connection.execute("DELETE FROM source_cursors")

    to_server(data, postgres, schema, partitions=["0", "u0"])

    with closing(PostgresStorage(postgres, schema, data)) as storage:
        assert storage.facts.cursors() == {}
        taken = storage.facts.sources(["0", "u0"])
    assert {place: one.cursor for place, one in taken.items()} == {
        (partition, source): cursor
        for partition in ("0", "u0")
        for source, cursor in cursors.items()
    }


def test_a_store_that_follows_a_stream_is_not_moved_to_another_one(
    data: Path, postgres: str, schema: str
) -> None:
    with raw_store(data) as connection:
        connection.execute("UPDATE source_cursors SET partition = '0'")

    with pytest.raises(Conflict, match="follows a stream already"):
        to_server(data, postgres, schema, partitions=["0", "u0"])
