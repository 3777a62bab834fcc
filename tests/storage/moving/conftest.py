"""A played world, and a schema that is a test's own."""

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copytree, ignore_patterns

import psycopg
import pytest

from tests.harness.service import Service
from tests.harness.stored.whole_world import fill_empty_tables, play_world


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder of a world that has rows in every table."""
    folder = tmp_path_factory.mktemp("played") / "data"
    service = Service(folder)
    service.start()
    play_world(service)
    with closing(service.storage.beside("experiment-1")) as beside:
        beside.migrate()
        beside.initialise(bytes(32), 0)
    service.close()
    fill_empty_tables(folder)
    return folder


@pytest.fixture
def data(played: Path, tmp_path: Path) -> Path:
    """Return a copy of that folder, without the store beside it."""
    folder = tmp_path / "data"
    copytree(played, folder, ignore=ignore_patterns("anew"))
    return folder


@pytest.fixture
def schema(postgres: str) -> Iterator[str]:
    """Return a name of which there is no schema; those that come to be are dropped."""
    name = f"moved_{secrets.token_hex(4)}"
    yield name
    with psycopg.connect(postgres, autocommit=True) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", [name]
        ).fetchall()
        for (one,) in found:
            connection.execute(f'DROP SCHEMA "{one}" CASCADE'.encode())
