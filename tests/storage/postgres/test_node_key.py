"""The key of the pseudonyms, of which each machine of a store has a copy."""

import shutil
from pathlib import Path

import psycopg
import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from tests.harness.stored.backends import open_place, place_of
from tests.harness.stored.postgres import SCHEMA

KEY, OTHER = bytes(range(32)), bytes(32)
NAME = "pseudonym.key"


@pytest.fixture
def first(store_place: str) -> Storage:
    made = open_place(store_place)
    made.migrate()
    made.initialise(bytes(32), 0, KEY)
    return made


def machine(postgres: str, folder: Path) -> PostgresStorage:
    """Return the store as another machine opens it."""
    opened = open_place(place_of(postgres, SCHEMA, folder))
    assert isinstance(opened, PostgresStorage)
    return opened


def test_a_machine_without_the_key_is_told_to_copy_it(
    first: Storage, postgres: str, tmp_path: Path, folder: Path
) -> None:
    other = machine(postgres, tmp_path / "other")
    other.migrate()

    with pytest.raises(Unavailable, match="copy the file from another machine"):
        other.pseudonym_key()
    with pytest.raises(Unavailable, match="copy the file from another machine"):
        other.initialise(bytes(32), 0, OTHER)
    assert not (tmp_path / "other" / NAME).exists()
    shutil.copy(folder / NAME, tmp_path / "other" / NAME)
    assert other.pseudonym_key() == KEY == first.pseudonym_key()
    assert not other.initialise(bytes(32), 0, OTHER)
    for storage in (first, other):
        storage.close()


def test_a_machine_with_another_key_does_not_begin(
    first: Storage, postgres: str, tmp_path: Path
) -> None:
    (tmp_path / NAME).write_text(OTHER.hex())
    other = machine(postgres, tmp_path)

    with pytest.raises(Unavailable, match="every unit would be a new one"):
        other.pseudonym_key()
    assert OTHER.hex() not in str(first.pseudonym_key())
    for storage in (first, other):
        storage.close()


def test_a_store_of_before_there_were_marks_gets_one(
    first: Storage, postgres: str, tmp_path: Path
) -> None:
    forget_mark(postgres)
    first.migrate()
    (tmp_path / NAME).write_text(OTHER.hex())
    other = machine(postgres, tmp_path)

    with pytest.raises(Unavailable, match="another key"):
        other.pseudonym_key()
    for storage in (first, other):
        storage.close()


def test_a_key_that_was_deleted_everywhere_is_replaced_by_a_new_one(
    first: Storage, postgres: str, folder: Path
) -> None:
    (folder / NAME).unlink()
    with pytest.raises(Unavailable, match="delete the row 'pseudonym_key_mark'"):
        first.initialise(bytes(32), 0, OTHER)
    forget_mark(postgres)

    assert not first.initialise(bytes(32), 0, OTHER)
    assert first.pseudonym_key() == OTHER
    first.close()


def forget_mark(postgres: str) -> None:
    with psycopg.connect(postgres, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute("DELETE FROM meta WHERE name = 'pseudonym_key_mark'")
