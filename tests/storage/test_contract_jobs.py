"""What every store promises of jobs; see storage.jobs."""

from typing import Any

import msgspec
import pytest

from bandit_svc.errors import Conflict
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import JobRow

LIMIT, KEEP, ATTEMPTS = 3, 2, 3
RESULT: dict[str, Any] = {"policies": [{"value": 0.1 + 0.2, "refused": None}]}


def job(name: str, number: int = 1, kind: str = "evaluation") -> JobRow:
    return JobRow(name, number, kind, {"policies": [name, {"é": 1e-300}]}, 5)


@pytest.fixture
def one(storage: Storage) -> Storage:
    """A store with one queued job."""
    storage.jobs.add(job("one"), LIMIT)
    return storage


def found(storage: Storage, name: str) -> JobRow:
    row = storage.jobs.get(1, name)
    assert row is not None
    return row


def test_a_new_job_is_queued_and_comes_back_as_it_was(one: Storage) -> None:
    assert one.jobs.get(1, "one") == job("one")
    assert one.jobs.get(2, "one") is None
    assert one.jobs.get(1, "two") is None
    assert one.jobs.unfinished()


def test_an_empty_queue_has_nothing_to_claim(storage: Storage) -> None:
    assert not storage.jobs.unfinished()
    assert storage.jobs.claim(9) is None


def test_the_oldest_is_claimed_first_whatever_its_experiment(one: Storage) -> None:
    one.jobs.add(job("two", number=2, kind="other"), LIMIT)
    first, second = one.jobs.claim(9), one.jobs.claim(10)

    assert first == msgspec.structs.replace(
        job("one"), status="running", attempts=1, started_at_ms=9
    )
    assert second is not None
    assert second.id == "two"
    assert one.jobs.claim(11) is None


def test_jobs_are_listed_by_experiment_and_kind_newest_first_without_results(
    one: Storage,
) -> None:
    one.jobs.add(job("two"), LIMIT)
    one.jobs.add(job("other", kind="other"), LIMIT)
    one.jobs.claim(9)
    one.jobs.complete("one", RESULT, 10, KEEP)

    assert [row.id for row in one.jobs.all(1, "evaluation")] == ["two", "one"]
    assert one.jobs.all(1, "evaluation")[1].result is None
    assert one.jobs.all(2, "evaluation") == []


def test_progress_and_result_are_kept_exactly(one: Storage) -> None:
    one.jobs.claim(9)
    one.jobs.progress("one", 500, 600)
    midway = found(one, "one")
    one.jobs.complete("one", RESULT, 10, KEEP)
    row = found(one, "one")

    assert (midway.status, midway.done, midway.total) == ("running", 500, 600)
    assert (row.status, row.finished_at_ms, row.error) == ("done", 10, None)
    assert row.result == RESULT
    assert not one.jobs.unfinished()


def test_a_failed_job_says_why(one: Storage) -> None:
    one.jobs.claim(9)
    one.jobs.fail("one", "no such model", 10, KEEP)
    row = found(one, "one")

    assert (row.status, row.error, row.finished_at_ms) == (
        "failed",
        "no such model",
        10,
    )
    assert row.result is None
    assert not one.jobs.unfinished()


def test_what_is_not_running_neither_progresses_nor_ends(one: Storage) -> None:
    one.jobs.progress("one", 1, 2)
    one.jobs.complete("one", RESULT, 10, KEEP)
    one.jobs.fail("one", "why", 10, KEEP)
    one.jobs.release("one")

    assert found(one, "one") == job("one")


@pytest.mark.backends("sqlite")
def test_what_was_running_is_queued_again_and_fails_at_the_last_attempt(
    one: Storage,
) -> None:
    seen = []
    for now_ms in range(ATTEMPTS):
        one.jobs.claim(now_ms)
        one.jobs.progress("one", 1, 2)
        one.jobs.recover(ATTEMPTS, "died too often", 99)
        seen.append((found(one, "one").status, found(one, "one").attempts))

    assert seen == [("queued", 1), ("queued", 2), ("failed", 3)]
    assert found(one, "one").error == "died too often"
    assert found(one, "one").finished_at_ms == 99
    assert not one.jobs.unfinished()


def test_a_released_job_is_as_if_it_had_not_been_begun(one: Storage) -> None:
    one.jobs.claim(9)
    one.jobs.progress("one", 1, 2)
    one.jobs.release("one")

    assert found(one, "one") == job("one")


def test_the_queue_of_an_experiment_has_an_end(one: Storage) -> None:
    one.jobs.claim(9)
    for name in "abc":
        one.jobs.add(job(name), LIMIT)
    one.jobs.add(job("elsewhere", number=2), LIMIT)

    with pytest.raises(Conflict, match="3 jobs of this experiment are queued"):
        one.jobs.add(job("d"), LIMIT)
    assert one.jobs.get(1, "d") is None


def test_only_the_newest_finished_jobs_of_a_kind_are_kept(storage: Storage) -> None:
    for name in "abcd":
        storage.jobs.add(job(name), LIMIT)
        storage.jobs.claim(9)
        storage.jobs.complete(name, RESULT, 10, KEEP)
    storage.jobs.add(job("other", kind="other"), LIMIT)
    storage.jobs.add(job("waits"), LIMIT)
    storage.jobs.claim(9)
    storage.jobs.fail("other", "why", 10, KEEP)

    assert [row.id for row in storage.jobs.all(1, "evaluation")] == ["waits", "d", "c"]
    assert len(storage.jobs.all(1, "other")) == 1
