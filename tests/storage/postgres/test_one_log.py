"""A store on a server that follows the event log of one data folder."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bandit_svc.cli.service.launch import prepare
from bandit_svc.errors import Unavailable
from bandit_svc.settings import Settings
from bandit_svc.storage.interface import Storage
from tests.harness.stored.postgres import SCHEMA, url_of


@pytest.mark.usefixtures("storage")
def test_a_second_data_folder_is_refused_without_a_stream(
    postgres: str, tmp_path: Path
) -> None:
    first = Settings(data=str(tmp_path / "one"), store=url_of(postgres, SCHEMA))
    second = msgspec.structs.replace(first, data=str(tmp_path / "two"))
    prepare(first)
    prepare(first)

    with pytest.raises(Unavailable, match="the event log of another data folder"):
        prepare(second)


@pytest.mark.usefixtures("storage")
def test_a_folder_that_has_moved_is_the_same_one(postgres: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    settings = Settings(data=str(before), store=url_of(postgres, SCHEMA))
    prepare(settings)
    before.rename(after)

    prepare(msgspec.structs.replace(settings, data=str(after)))


def test_it_is_kept_by_the_store_alone(open_store: Callable[[], Storage]) -> None:
    storage, other = open_store(), open_store()
    storage.migrate()

    assert storage.log_of("one") == "one"
    assert other.log_of("two") == "one"
