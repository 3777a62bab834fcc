"""A server that takes connections and answers nothing: nobody waits for ever."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from tests.harness.stored.postgres import PostgresServer
from tests.harness.waiting import wait_until

HERO = Definition(key="hero", variants=(Variant("a"),))


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.thaw()
        made.close()


@pytest.fixture
def storage(server: PostgresServer, tmp_path: Path) -> Iterator[Storage]:
    made = PostgresStorage(server.address, "silent", tmp_path, patience_s=1.0)
    made.migrate()
    made.initialise(bytes(32), 0)
    yield made
    made.close()


def test_what_asks_it_is_told_in_time_and_goes_on_when_it_answers(
    storage: Storage, server: PostgresServer
) -> None:
    storage.experiments.create(HERO, "salt", 0)
    before = storage.experiments.version()
    server.freeze()
    with pytest.raises(Unavailable, match="has not answered"):
        storage.experiments.all()
    with pytest.raises(Unavailable):
        storage.units.state("u")
    threads = [threading.Thread(target=asks, args=[storage]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # What is in memory needs no server.
    assert storage.experiments.version() == before
    server.thaw()

    wait_until(lambda: asks(storage), "the server is asked again")
    assert storage.units.state("u") is None


def asks(storage: Storage) -> bool:
    """Return whether the store could be read."""
    with suppress(Unavailable):
        return len(storage.experiments.all()) == 1
    return False
