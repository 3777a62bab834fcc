"""The life of a job: claimed, told of, ended, or given back."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import InvalidInput, Unavailable
from bandit_svc.services.managing.jobs import (
    KEEP_FINISHED,
    MAX_ATTEMPTS,
    JobKind,
    OnProgress,
    Stopped,
    queue_evaluation,
    recover_jobs,
    run_job,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import JobRow
from tests.harness.service import Service

Kinds = dict[str, JobKind]


@pytest.fixture
def queued(service: Service) -> Service:
    """A service with one evaluation in the queue."""
    queue_evaluation(service.storage, service.create(), ["uniform"], b"id", 1)
    return service


def kinds(act: Callable[[OnProgress], None]) -> Kinds:
    """A kind of job that acts, and then gives its request as its result."""

    def do(
        _storage: Storage,
        experiment: Experiment,
        request: Mapping[str, Any],
        on_progress: OnProgress,
    ) -> dict[str, Any]:
        act(on_progress)
        return {"of": experiment.key, **request}

    return {"evaluation": do}


def raises(error: BaseException) -> Kinds:
    def act(_on_progress: OnProgress) -> None:
        raise error

    return kinds(act)


def job(service: Service) -> JobRow:
    row = service.storage.jobs.get(1, b"id".hex())
    assert row is not None
    return row


def test_what_it_gives_is_the_result(queued: Service) -> None:
    done = kinds(lambda tell: tell(3, 3))

    assert run_job(queued.storage, done, lambda: 7)
    assert not run_job(queued.storage, done, lambda: 8)
    row = job(queued)
    assert (row.status, row.started_at_ms, row.finished_at_ms) == ("done", 7, 7)
    assert row.result == {"of": "hero", **row.request}


def test_progress_is_written_at_once_and_then_about_once_a_second(
    queued: Service,
) -> None:
    clock = iter([0, 100, 600, 1_100, 1_200, 900, 2_300, 9_999])
    written: list[int] = []

    def act(tell: OnProgress) -> None:
        for step in range(1, 7):
            tell(step, 6)
            written.append(job(queued).done)

    run_job(queued.storage, kinds(act), lambda: next(clock))

    # At 100, 1,100, 900 (a clock that was set back) and 2,300.
    assert written == [1, 1, 3, 3, 5, 6]


def test_a_refusal_is_why_it_failed_and_the_next_one_can_be_done(
    queued: Service,
) -> None:
    assert run_job(queued.storage, raises(InvalidInput("no such variant")), lambda: 7)
    row = job(queued)

    assert (row.status, row.error, row.finished_at_ms) == (
        "failed",
        "no such variant",
        7,
    )
    assert row.result is None


def test_a_fault_of_ours_is_a_sentence_without_its_message(
    queued: Service, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(queued.storage, raises(KeyError("a context value")), lambda: 7)

    assert job(queued).error == (
        "a fault of the service (KeyError); its log has the place"
    )
    assert "KeyError at act:" in caplog.text
    assert "a context value" not in caplog.text


def test_a_kind_that_nobody_knows_has_failed(queued: Service) -> None:
    run_job(queued.storage, {}, lambda: 7)

    assert job(queued).error == "this version of the service knows no job 'evaluation'"


def test_stopped_on_the_way_it_is_as_if_it_had_not_been_begun(
    queued: Service,
) -> None:
    before = job(queued)

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        run_job(queued.storage, kinds(lambda tell: tell(1, 2)), lambda: 7, stop)
    assert job(queued) == before


def test_a_stop_that_a_library_turned_into_its_own_error_is_a_stop(
    queued: Service,
) -> None:
    """SQLite does so where the signal comes inside a row's checksum."""
    before = job(queued)

    def stop() -> None:
        raise Stopped

    error = Unavailable("user-defined function raised exception")
    with pytest.raises(Stopped):
        run_job(queued.storage, raises(error), lambda: 7, stop)
    assert job(queued) == before


def test_when_the_store_fails_it_is_begun_again(queued: Service) -> None:
    with pytest.raises(Unavailable):
        run_job(queued.storage, raises(Unavailable("the disk is full")), lambda: 7)
    left = job(queued).status
    recover_jobs(queued.storage, 8)

    assert (left, job(queued).status, job(queued).attempts) == ("running", "queued", 1)


def test_what_kills_its_process_every_time_fails_with_a_sentence(
    queued: Service,
) -> None:
    """As a kill does, Unavailable leaves the job running."""
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(Unavailable):
            run_job(queued.storage, raises(Unavailable("killed")), lambda: 7)
        recover_jobs(queued.storage, 8)
    row = job(queued)

    assert (row.status, row.attempts, row.finished_at_ms) == ("failed", 3, 8)
    assert row.error is not None
    assert "died 3 times" in row.error
    assert not run_job(queued.storage, {}, lambda: 9)


def test_old_results_are_forgotten(service: Service) -> None:
    experiment = service.create()
    for index in range(KEEP_FINISHED + 2):
        entropy = index.to_bytes(2, "big")
        queue_evaluation(service.storage, experiment, [], entropy, 1)
        run_job(service.storage, kinds(lambda _tell: None), lambda: 7)

    assert len(service.storage.jobs.all(1, "evaluation")) == KEEP_FINISHED
