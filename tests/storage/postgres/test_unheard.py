"""What a process has not heard of, or could not read: nobody is told that it is not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from msgspec.structs import replace

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import NotFound
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage
from tests.harness.stored.postgres import SCHEMA
from tests.harness.waiting import wait_until

VARIANTS = (Variant("a"), Variant("b"))
MANY = 30


@pytest.fixture
def other(hero: Experiment, postgres: str, folder: Path) -> Iterator[Catalog]:
    """The catalog of a machine that waits for an answer for a second."""
    with closing(PostgresStorage(postgres, SCHEMA, folder, patience_s=1.0)) as opened:
        catalog = Catalog(opened)
        assert catalog.all() == [hero]
        yield catalog


def test_an_experiment_is_there_for_every_machine_as_soon_as_it_is_made(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    other = Catalog(open_store())
    other.all()
    for n in range(MANY):
        key = f"shelf-{n}"
        made = storage.experiments.create(Definition(key, VARIANTS), "salt", 0)
        if n % 2:
            assert other.experiment(key) == made
        else:
            assert other.by_number(made.number) == made

    with pytest.raises(NotFound):
        other.experiment("shelf")
    with pytest.raises(NotFound):
        other.by_number(MANY + 1)


def test_a_change_that_could_not_be_read_is_read_later(
    storage: Storage, postgres: str, hero: Experiment, other: Catalog
) -> None:
    paused = replace(hero.definition, status="paused")
    revised = storage.experiments.revise(hero, paused, 1)
    with psycopg.connect(postgres) as connection:
        connection.execute(f"LOCK TABLE {SCHEMA}.experiments")
        wait_until(lambda: other.is_behind, "the change is heard of")
        assert other.experiment("hero") == hero
        assert other.experiment("hero") == hero

    wait_until(lambda: other.experiment("hero") == revised, "it is read")
