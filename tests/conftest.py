"""Web workers in this process, for the rooms that are reached over HTTP."""

from collections.abc import Iterator

import pytest

from tests.harness.worker_in_process import StartWorker, WorkerInProcess


@pytest.fixture(scope="session")
def start_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Return a function that starts a worker over a new folder."""
    started: list[WorkerInProcess] = []

    def start(*, dev: bool = False) -> WorkerInProcess:
        worker = WorkerInProcess(tmp_path_factory.mktemp("data"), dev=dev)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


@pytest.fixture
def service(start_worker: StartWorker) -> Iterator[WorkerInProcess]:
    """Return a new worker with keys."""
    worker = start_worker()
    yield worker
    worker.close()
