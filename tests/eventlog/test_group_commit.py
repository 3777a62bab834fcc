"""Many callers of one segment share an fsync, and its failure."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.group_commit import GroupCommit, Ticket
from bandit_svc.eventlog.files.reader import FileReader
from bandit_svc.eventlog.interface import START
from tests.harness.file_writers import NewFileWriter, payloads, record_of
from tests.harness.waiting import GENEROUS_S

CALLERS = 16


class Disk:
    """An fsync that waits until a test lets it end."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.calls = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.error: OSError | None = None
        self.failures = 0

    def sync(self, descriptor: int) -> None:
        os.fstat(descriptor)
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.began.release()
        assert self.may_end.acquire(timeout=GENEROUS_S)
        self.in_flight -= 1
        if self.error is not None:
            raise self.error

    def failed(self) -> None:
        self.failures += 1


class Callers:
    """Threads that wait for a commit, and what they were told."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits
        self._threads: list[threading.Thread] = []
        self.told: list[bool] = []

    def start(self, count: int) -> None:
        for _ in range(count):
            ticket = self._commits.enter()
            thread = threading.Thread(target=self._wait, args=(ticket,))
            thread.start()
            self._threads.append(thread)

    def _wait(self, ticket: Ticket) -> None:
        self.told.append(self._commits.wait(ticket))

    def join(self) -> list[bool]:
        for thread in self._threads:
            thread.join(GENEROUS_S)
        return self.told


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def commits(disk: Disk, tmp_path: Path) -> Iterator[GroupCommit]:
    descriptor = os.open(tmp_path / "segment", os.O_WRONLY | os.O_CREAT)
    made = GroupCommit(descriptor, disk.failed, disk.sync)
    yield made
    made.abandon()


def test_what_comes_during_an_fsync_waits_for_the_next_one(
    disk: Disk, commits: GroupCommit
) -> None:
    callers = Callers(commits)
    callers.start(1)
    assert disk.began.acquire(timeout=GENEROUS_S)
    # The fsync in flight began before these had written.
    callers.start(CALLERS)
    disk.may_end.release()
    assert disk.began.acquire(timeout=GENEROUS_S)
    told_by_the_first = len(callers.told)
    for _ in range(CALLERS):
        disk.may_end.release()

    assert callers.join() == [True] * (1 + CALLERS)
    assert told_by_the_first <= 1
    assert disk.most_in_flight == 1
    assert 2 <= disk.calls <= 1 + CALLERS


def test_every_caller_of_a_group_is_told_that_its_fsync_failed(
    disk: Disk, commits: GroupCommit
) -> None:
    callers = Callers(commits)
    callers.start(1)
    assert disk.began.acquire(timeout=GENEROUS_S)
    callers.start(CALLERS)
    disk.error = OSError(5, "Input/output error")
    for _ in range(1 + CALLERS):
        disk.may_end.release()

    assert callers.join() == [False] * (1 + CALLERS)
    # After the first failure a success would mean nothing: the disk is not asked.
    assert (disk.calls, disk.failures) == (1, 1)


def test_a_segment_is_closed_when_its_last_caller_has_been_told(
    disk: Disk, tmp_path: Path
) -> None:
    descriptor = os.open(tmp_path / "left", os.O_WRONLY | os.O_CREAT)
    commits = GroupCommit(descriptor, disk.failed, disk.sync)
    callers = Callers(commits)
    callers.start(1)
    assert disk.began.acquire(timeout=GENEROUS_S)
    commits.retire()
    os.fstat(descriptor)
    disk.may_end.release()

    assert callers.join() == [True]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_threads_of_a_writer_share_fsyncs_and_no_record_is_lost_at_a_rotation(
    new_file_writer: NewFileWriter,
    log_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []
    fsync = os.fsync

    def count(descriptor: int) -> None:
        fsync(descriptor)
        calls.append(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    writer = new_file_writer(fsync="always", max_segment_bytes=2_000)
    failed: list[Unavailable] = []

    def append(name: int) -> None:
        try:
            for index in range(25):
                writer.append(record_of(f"{name:02d}-{index:02d}".encode()))
        except Unavailable as error:
            failed.append(error)

    _in_threads(append, CALLERS)
    partition = writer.partition
    writer.close()
    reader = FileReader(log_root)
    cursor, found = START, list[bytes]()
    while (batch := reader.read(partition, cursor)).cursor != cursor:
        cursor = batch.cursor
        found += payloads(batch.records)

    assert failed == []
    assert sorted(found) == sorted(
        f"{name:02d}-{index:02d}".encode()
        for name in range(CALLERS)
        for index in range(25)
    )
    assert calls


def _in_threads(run: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GENEROUS_S)
