"""What processes hear of each other's changes, with nothing asked by a request."""

from collections.abc import Callable

import psycopg

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion, ModelVersionMeta
from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.domain.variant import Variant
from bandit_svc.storage.interface import Storage
from tests.harness.waiting import wait_until

Open = Callable[[], Storage]
SHELF = Definition(key="shelf", variants=(Variant("a"),))


def test_a_change_is_heard_of_by_the_others(
    storage: Storage, open_store: Open, hero: Experiment
) -> None:
    other = open_store()
    before = other.experiments.version()
    storage.experiments.create(SHELF, "salt", 0)

    wait_until(lambda: other.experiments.version() != before, "it is heard of")
    after = other.experiments.version
    wait_until(lambda: after() == after() == storage.experiments.version(), "it stays")
    assert [e.key for e in other.experiments.all()] == [hero.key, "shelf"]


def test_a_model_is_heard_of_by_the_others(
    storage: Storage, open_store: Open, hero: Experiment
) -> None:
    other = open_store()
    assert dict(other.model_versions.known_versions()) == {}
    publish(storage, hero.number, 1)

    wait_until(
        lambda: dict(other.model_versions.known_versions()) == {hero.number: 1},
        "the model is heard of",
    )


def test_what_was_said_while_nobody_listened_is_heard_later(
    storage: Storage, open_store: Open, hero: Experiment, postgres: str
) -> None:
    other = open_store()
    before = other.experiments.version()
    publish(storage, hero.number, 1)
    end_connections(postgres)
    wait_until(lambda: created(storage), "the server takes changes again")
    publish(storage, hero.number, 2)

    wait_until(lambda: other.experiments.version() != before, "it is heard of")
    wait_until(
        lambda: other.model_versions.known_versions()[hero.number] == 2,
        "the model is heard of",
    )


def test_that_units_are_linked_is_heard_of_by_the_others(
    storage: Storage, open_store: Open
) -> None:
    other = open_store()
    assert not other.units.must_be_read()
    state = UnitState("u", 0, 0, ("u", "v"))
    assert storage.units.save([state], 0, 1)

    wait_until(other.units.must_be_read, "links are heard of")


def test_a_state_that_was_read_is_used_for_a_moment_alone(
    storage: Storage, open_store: Open
) -> None:
    other = open_store()
    assert other.units.state("u") is None
    storage.units.save([UnitState("u", 0, 7, ("u",))], 0, 1)

    def found() -> bool:
        state = other.units.state("u")
        return state is not None and state.last_ms == 7

    wait_until(found, "the new state is read")


def publish(storage: Storage, number: int, version: int) -> None:
    meta = ModelVersionMeta(
        number=number,
        version=version,
        policy={},
        spans=(),
        learned=0,
        sha256="",
        created_at_ms=0,
    )
    assert storage.model_versions.publish(ModelVersion(meta, b""), version - 1)


def created(storage: Storage) -> bool:
    """Create an experiment; return whether the server took it."""
    try:
        storage.experiments.create(SHELF, "salt", 0)
    except Exception as error:  # noqa: BLE001 - of any kind while it is away
        return "exists already" in str(error)
    return True


def end_connections(address: str) -> None:
    """End every other connection of the server, as its restart does."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND application_name = 'bandit_svc'"
        )
