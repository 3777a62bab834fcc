"""Web workers in this process, for the rooms that are reached over HTTP.

Owns the order of the files as well.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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


@pytest.fixture
def start_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Return a function that starts a worker over a new folder, for one test.

    A worker that is kept after its test keeps its models: over a megabyte each.
    """
    with _started(tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def start_shared_worker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StartWorker]:
    """Return a function that starts a worker which many tests share."""
    with _started(tmp_path_factory) as start:
        yield start


@contextmanager
def _started(folders: pytest.TempPathFactory) -> Iterator[StartWorker]:
    """Yield a function that starts workers; close them all at the end."""
    with ExitStack() as stack:

        def start(*, dev: bool = False) -> WorkerInProcess:
            worker = WorkerInProcess(folders.mktemp("data"), dev=dev)
            stack.callback(worker.close)
            return worker

        yield start


@pytest.fixture
def service(start_worker: StartWorker) -> WorkerInProcess:
    """Return a new worker with keys."""
    return start_worker()
