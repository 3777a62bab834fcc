"""What the address of a store means, and what its messages show of it."""

from pathlib import Path

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.settings import settings_from
from bandit_svc.storage.control.place import Server, place_of, shown_place
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.sqlite.store import SqliteStorage


def test_a_schema_of_a_server_is_taken_out_of_its_address() -> None:
    url = "postgresql://ann:pass%40word@db:5433/shop?sslmode=require&schema=hero"

    assert place_of(url) == Server(
        "postgresql://ann:pass%40word@db:5433/shop?sslmode=require", "hero"
    )
    assert place_of("postgres://db/shop") == Server("postgres://db/shop", "bandit")


def test_a_space_in_a_parameter_of_the_client_stays_one() -> None:
    url = "postgresql://bandit@/db?schema=eu&options=-c%20a%3D1"

    place = place_of(url)

    assert place == Server("postgresql://bandit@/db?options=-c%20a%3D1", "eu")


def test_a_folder_may_be_another_one_than_that_of_the_data(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/store"
    storage = open_storage(tmp_path / "data", url)
    storage.migrate()
    storage.close()

    assert isinstance(storage, SqliteStorage)
    assert (tmp_path / "store" / "bandit.db").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://ann:hush@db", "begins with 'mysql'"),
        ("sqlite://", "names no folder"),
        ("sqlite://data/folder", "names no folder"),
        ("postgresql://ann:hush@db:port/shop", "is no address"),
        ("postgresql://db/shop?hush", "is no address"),
        ("postgresql://ann:hush@db/shop?schema=Hero", "'Hero'"),
        ("postgresql://ann:hush@db/shop?schema=pg_hero", "'pg_hero'"),
        (f"postgresql://db/shop?schema={'n' * 31}", "1 to 30"),
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(url: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        settings_from({"BANDIT_STORE": url})

    assert "hush" not in refused.value.message


def test_a_store_is_shown_without_name_and_password() -> None:
    folder = Path("/data")

    assert shown_place("", folder) == "/data"
    assert shown_place("sqlite:///other", folder) == "/other"
    shown = shown_place("postgresql://ann:hush@db:5433/shop?schema=hero", folder)
    assert shown == "the schema 'hero' of db:5433/shop"


def test_parameters_that_no_client_takes_are_told_without_their_words(
    tmp_path: Path,
) -> None:
    storage = open_storage(tmp_path, "postgresql://db/shop?hush=1")

    with pytest.raises(InvalidInput, match="does not take") as refused:
        storage.check_writable()
    assert "hush" not in refused.value.message
