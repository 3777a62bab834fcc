"""Jobs of a PostgreSQL store: several processes do them, each job is done by one."""

from collections.abc import Callable
from contextlib import closing

import psycopg
import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import JobRow
from tests.harness.stored.postgres import SCHEMA


@pytest.fixture
def end_leases(storage: Storage, postgres: str) -> Callable[[], None]:
    """Let all leases run out, as if their holders had been silent for long."""
    del storage

    def end() -> None:
        with psycopg.connect(
            postgres, autocommit=True, options=f"-c search_path={SCHEMA}"
        ) as plain:
            plain.execute("UPDATE leases SET expires_at = clock_timestamp()")

    return end


def queue(storage: Storage, *names: str) -> None:
    for name in names:
        storage.jobs.add(JobRow(name, 1, "evaluation", {}, 5), 10)


def status(storage: Storage, name: str) -> str:
    row = storage.jobs.get(1, name)
    assert row is not None
    return row.status


def test_two_do_different_jobs_at_once_and_recover_nothing_of_each_other(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    other = open_store()
    queue(storage, "one", "two")
    first, second = storage.jobs.claim(6), other.jobs.claim(6)
    assert first is not None
    assert second is not None
    with storage.jobs.holding("one"), other.jobs.holding("two"):
        other.jobs.recover(3, "dead", 7)

        assert (first.id, second.id) == ("one", "two")
        assert not storage.jobs.unfinished()
        assert status(storage, "one") == status(storage, "two") == "running"


def test_a_job_whose_process_is_silent_is_done_by_another_one(
    storage: Storage,
    open_store: Callable[[], Storage],
    end_leases: Callable[[], None],
) -> None:
    other = open_store()
    queue(storage, "one")
    storage.jobs.claim(6)
    with storage.jobs.holding("one"):
        end_leases()
        assert other.jobs.unfinished()
        other.jobs.recover(3, "dead", 7)
        again = other.jobs.claim(8)
        assert again is not None
        assert again.attempts == 2

        # Who was stopped goes on, and neither tells of the job nor makes anything.
        with pytest.raises(Unavailable, match="lease 'job one'"):
            storage.jobs.complete("one", {}, 9, 10)
        with (
            closing(storage.beside("x")) as beside,
            pytest.raises(Unavailable, match="lease 'job one'"),
        ):
            beside.migrate()
    with other.jobs.holding("one"):
        other.jobs.complete("one", {"by": "other"}, 10, 10)

    found = storage.jobs.get(1, "one")
    assert found is not None
    assert (found.status, found.result) == ("done", {"by": "other"})


def test_a_job_fails_when_too_many_processes_fell_silent(
    storage: Storage, end_leases: Callable[[], None]
) -> None:
    queue(storage, "one")
    for now_ms in range(3):
        storage.jobs.claim(now_ms)
        end_leases()
        storage.jobs.recover(3, "dead", 9)

    assert status(storage, "one") == "failed"


def test_who_needs_that_nobody_does_jobs_waits_for_them(
    storage: Storage, open_store: Callable[[], Storage]
) -> None:
    other = open_store()
    queue(storage, "one", "two")
    storage.jobs.claim(6)
    with storage.jobs.holding("one"), other.leases.hold("jobs") as alone:
        assert alone is None
    with other.leases.hold("jobs") as alone:
        assert alone is not None
        assert storage.jobs.claim(7) is None
    assert storage.jobs.claim(8) is not None
