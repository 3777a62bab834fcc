"""What `--fsync always` costs when many callers share an fsync.

Threads of one process decide in closed loops, in turn with `interval` and `always`.
With c the seconds of a decision under `interval`, f those of an fsync in the same
round, and N callers, one fsync a group can reach the share N c / (N c + f) of
`interval`'s throughput. The goals compare the measured share with that.
"""

import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bandit_svc.domain.events.decision_id import ENTROPY_BYTES
from bandit_svc.eventlog.interface import FsyncMode
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends, Worker
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import EXPERIMENT, contexts, definition

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

CALLERS = (4, 16, 64)
START_MS = 1_790_000_000_000
LEAST_SHARE = 0.8


class GroupCommits:
    """One worker's decisions with a shared fsync, and without any."""

    name = "group_commit"
    goals = tuple(
        Goal(
            f"fsync always / interval, {callers} callers, of N c / (N c + f)",
            f"share {callers} callers",
            f"possible share {callers} callers",
            ">=",
            LEAST_SHARE,
        )
        for callers in CALLERS
    )

    def __init__(self) -> None:
        self._root: Path | None = None
        self._made = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Make a folder with an experiment."""
        with tempfile.TemporaryDirectory() as root:
            self._root = Path(root)
            with closing(Backends(Settings(data=root))) as backends:
                backends.storage.migrate()
                backends.storage.initialise(bytes(32), START_MS)
                made = lifecycle.convert_definition(definition())
                lifecycle.create(backends.storage, made, "salt", START_MS)
            yield

    def measure(self, seconds: float) -> Figures:
        """Measure each number of callers in both modes, and the fsyncs."""
        figures: Figures = {}
        for callers in CALLERS:
            interval = self._per_s("interval", callers, seconds)
            with _timed_fsyncs() as took_s:
                always = self._per_s("always", callers, seconds)
            fsync_s = statistics.mean(took_s)
            group_s = callers / interval
            figures |= {
                f"decisions_per_s interval, {callers} callers": interval,
                f"decisions_per_s always, {callers} callers": always,
                f"fsync_ms, {callers} callers": 1000 * fsync_s,
                f"share {callers} callers": always / interval,
                f"possible share {callers} callers": group_s / (group_s + fsync_s),
            }
        return figures

    def _per_s(self, fsync: FsyncMode, callers: int, seconds: float) -> float:
        """Return the decisions a second of all callers together."""
        self._made += 1
        settings = Settings(data=str(self._folder), fsync=fsync)
        counts = [0] * callers
        stop = threading.Event()
        with closing(Worker(settings, START_MS, f"{self._made:04x}")) as worker:

            def call(caller: int) -> None:
                requests = [
                    DecisionRequest(EXPERIMENT, f"u-{caller}", context=context)
                    for context in contexts(20)
                ]
                while not stop.is_set():
                    request = requests[counts[caller] % len(requests)]
                    decide(worker.serving, request, START_MS, os.urandom(ENTROPY_BYTES))
                    counts[caller] += 1

            threads = [
                threading.Thread(target=call, args=(caller,))
                for caller in range(callers)
            ]
            began_s = time.perf_counter()
            for thread in threads:
                thread.start()
            stop.wait(seconds)
            stop.set()
            for thread in threads:
                thread.join()
            return sum(counts) / (time.perf_counter() - began_s)

    @property
    def _folder(self) -> Path:
        assert self._root is not None, "only inside running()"  # noqa: S101
        return self._root


@contextlib.contextmanager
def _timed_fsyncs() -> Iterator[list[float]]:
    """Yield the seconds of every fsync of this process until the block is left."""
    took_s: list[float] = []
    fsync = os.fsync

    def timed(fd: "FileDescriptorLike") -> None:
        began_s = time.perf_counter()
        fsync(fd)
        took_s.append(time.perf_counter() - began_s)

    os.fsync = timed
    try:
        yield took_s
    finally:
        os.fsync = fsync
