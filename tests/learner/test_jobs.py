"""The process that does jobs: its lease, its end, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pytest

from bandit_svc.learner.jobs import BUSY
from bandit_svc.learner.loop import Learner
from bandit_svc.services.managing.jobs import queue_evaluation
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.settings import Settings
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import JobRow
from bandit_svc.wiring import Backends, Worker
from tests.harness.learner_process import LearnerProcess, StartLearner
from tests.harness.process import children_of, is_gone
from tests.harness.waiting import GENEROUS_S

pytestmark = pytest.mark.e2e

DECISIONS = 1_000
# Slow enough to be met midway: a few policies that learn, on each decision.
SLOW = [
    {"kind": "vw", "explorer": "bag", "name": f"bag-{seed}", "seed": seed}
    for seed in range(4)
]
QUICK = ["uniform"]


@pytest.fixture
def storage(settings: Settings, initialise: Callable[[], None]) -> Iterator[Storage]:
    """The store of an experiment with matured decisions, joined long ago."""
    initialise()
    with closing(Worker(settings, 1_000_000, "ab12")) as worker:
        for number in range(DECISIONS):
            request = DecisionRequest(
                experiment="hero", context={"hour": number % 24, "n": number % 7}
            )
            decide(worker.serving, request, 1_000_000, number.to_bytes(9, "big"))
    with closing(Backends(settings)) as backends:
        Learner(backends, lambda: 2_000_000).drain(GENEROUS_S)
        yield backends.storage


def queue(storage: Storage, policies: Sequence[str | dict[str, object]]) -> str:
    """Queue an evaluation; give its id."""
    experiment = storage.experiments.get("hero")
    row: JobRow = queue_evaluation(storage, experiment, policies, os.urandom(9), 1)
    return row.id


def child_of(learner: LearnerProcess) -> int | None:
    """The pid of the learner's child, if there is one."""
    children = children_of(learner.pid)
    return children[0] if children else None


def row_of(storage: Storage, job: str) -> JobRow:
    row = storage.jobs.get(1, job)
    assert row is not None
    return row


def midway(storage: Storage, job: str) -> bool:
    row = row_of(storage, job)
    return bool(row.status == "running" and 0 < row.done < row.total)


def child_midway(learner: LearnerProcess, storage: Storage, job: str) -> int:
    """Wait until a job is half done; give the pid of the child that does it."""
    learner.wait_for(lambda: midway(storage, job), "midway")
    child = child_of(learner)
    assert child is not None
    return child


def done(storage: Storage, job: str) -> bool:
    row = row_of(storage, job)
    assert row.status != "failed", row.error
    return bool(row.status == "done")


def test_it_is_done_by_a_niced_child_that_ends_when_nothing_is_left(
    start: StartLearner, storage: Storage
) -> None:
    job = queue(storage, SLOW)
    learner = start()
    child = child_midway(learner, storage, job)
    # Both give way: the learner to the web workers, its child to the learner.
    nice = [
        os.getpriority(os.PRIO_PROCESS, pid) for pid in (learner.process.pid, child)
    ]
    quick = queue(storage, QUICK)
    learner.wait_for(lambda: done(storage, job) and done(storage, quick), "done")
    learner.wait_for(lambda: is_gone(child), "gone")

    assert learner.said.count("jobs are waiting: started pid") == 1
    assert nice[0] < nice[1]


def test_a_killed_child_begins_again_and_ends_done(
    start: StartLearner, storage: Storage
) -> None:
    job = queue(storage, SLOW)
    learner = start()
    child = child_midway(learner, storage, job)
    os.kill(child, signal.SIGKILL)
    learner.wait_for(lambda: done(storage, job), "done")

    assert row_of(storage, job).attempts == 2
    assert learner.process.poll() is None


def test_with_a_killed_learner_its_child_ends_and_the_next_one_goes_on(
    start: StartLearner, storage: Storage
) -> None:
    job = queue(storage, SLOW)
    first = start()
    child = child_midway(first, storage, job)
    first.process.kill()
    first.process.wait()
    first.wait_for(lambda: is_gone(child), "gone")
    second = start()
    second.wait_for(lambda: done(storage, job), "done")

    assert row_of(storage, job).attempts <= 2


def test_a_stopped_learner_stops_its_child_and_the_job_waits(
    start: StartLearner, storage: Storage
) -> None:
    job = queue(storage, SLOW)
    learner = start()
    child = child_midway(learner, storage, job)
    learner.process.terminate()

    assert learner.wait_for_end() == 0
    assert is_gone(child)
    row = row_of(storage, job)
    assert (row.status, row.attempts, row.done) == ("queued", 0, 0)
    assert "Traceback" not in learner.said


def test_there_is_only_one_at_a_time(settings: Settings, storage: Storage) -> None:
    job = queue(storage, QUICK)
    with storage.leases.hold("jobs") as held:
        assert held is not None
        status = subprocess.run(
            [sys.executable, "-m", "bandit_svc.learner.jobs", str(os.getpid())],
            env={**os.environ, **settings.environment()},
            check=False,
        ).returncode

    assert status == BUSY
    assert row_of(storage, job).status == "queued"
