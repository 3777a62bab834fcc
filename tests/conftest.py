"""Web workers in this process, for the rooms that are reached over HTTP.

Owns the order of the files as well.
"""

import os
from collections.abc import Iterator

import pytest

from tests.harness.worker_in_process import StartWorker, WorkerInProcess

LONGEST = ("statistical", "e2e")
"""Marks of files that take seconds to minutes, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that none of them is left for one process.

    A run in one process keeps the order in which the files are listed.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    items.sort(
        key=lambda item: next(
            (at for at, mark in enumerate(LONGEST) if item.get_closest_marker(mark)),
            len(LONGEST),
        )
    )


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
