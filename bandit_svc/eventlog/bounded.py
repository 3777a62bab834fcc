"""Refuse records before the log has filled its disk.

Owns the limits of the log's size and of the disk's room, and how often they are looked
at. A disk that is full to the last byte also stops the store, which would have to be
written to free the log.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bandit_svc.domain.events.record import Record
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.segments import KEPT
from bandit_svc.eventlog.interface import EventLogWriter

LOOK_EVERY_S = 1.0
LOOK_EVERY_BYTES = 4_194_304
LARGEST_FREE_SHARE = 0.05
"""A small disk keeps this share free, where that is less than the setting."""
NEAR_SHARE = 0.8
NEAR_FREE = 2
"""Degraded at 0.8 of the largest log, and at twice the least free room."""
_MEGABYTE = 1e6


class Limits(NamedTuple):
    """The settings of a log.

    Attributes:
        most_bytes: the largest log; 0 for no limit.
        least_free_bytes: room that stays free on the disk; 0 for no limit.
    """

    most_bytes: int = 0
    least_free_bytes: int = 0


class Room(NamedTuple):
    """The sizes of a log and of its disk, in bytes."""

    log_bytes: int
    free_bytes: int
    disk_bytes: int


class Shortage(NamedTuple):
    """A limit that is near, or passed.

    Attributes:
        name: log or disk.
        passed: True if records are refused.
        sentence: the value, the limit and the way out.
    """

    name: str
    passed: bool
    sentence: str


def shortages(limits: Limits, room: Room) -> list[Shortage]:
    """Return the limits that are near or passed."""
    found = []
    most = limits.most_bytes
    if most and room.log_bytes >= NEAR_SHARE * most:
        found.append(
            Shortage(
                "log",
                room.log_bytes >= most,
                f"the event log holds {room.log_bytes / _MEGABYTE:,.1f} MB, and "
                f"records are refused from {most / _MEGABYTE:,.1f} MB "
                "(BANDIT_LOG_MOST_BYTES); see why the learner does not read it",
            )
        )
    least = min(limits.least_free_bytes, int(LARGEST_FREE_SHARE * room.disk_bytes))
    if least and room.free_bytes < NEAR_FREE * least:
        found.append(
            Shortage(
                "disk",
                room.free_bytes < least,
                f"{room.free_bytes / _MEGABYTE:,.1f} MB are free on the disk of the "
                f"event log, and records are refused under {least / _MEGABYTE:,.1f} MB "
                "(BANDIT_LOG_LEAST_FREE_BYTES); make room",
            )
        )
    return found


def measured_room(folder: Path, *, with_log: bool) -> Room:
    """Return the sizes now.

    Args:
        folder: of the log; its parent must exist.
        with_log: add up the files of the log, which costs a listing. Segments that
            were read and are kept do not count.

    Raises:
        OSError: the folder's parent can't be read.
    """
    disk = os.statvfs(folder.parent)
    size = 0
    if with_log:
        for root, folders, names in os.walk(folder):
            if Path(root) == folder and KEPT in folders:
                folders.remove(KEPT)
            size += sum(_size(Path(root, name)) for name in names)
    return Room(size, disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


class BoundedLog:
    """A writer that refuses records while a limit is passed; an EventLogWriter.

    The room is looked at once a second, and after every few megabytes, by whichever
    append comes then. So appends resume by themselves.

    Args:
        log: writes the records.
        limits: the settings.
        room: measures the sizes; raises OSError where it can't.
    """

    def __init__(
        self,
        log: EventLogWriter,
        limits: Limits,
        room: Callable[[], Room],
        *,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._limits = limits
        self._room = room
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._due_s = 0.0
        self._written = 0
        self._shortages: list[Shortage] = []
        self._refusal: str | None = None

    @property
    def partition(self) -> str:
        """The partition's name; see the interface."""
        return self._log.partition

    def append(self, record: Record) -> None:
        """Write one record, or refuse it for want of room; see the interface."""
        self._admit(len(record.payload))
        self._log.append(record)

    def append_all(self, records: Sequence[Record]) -> None:
        """Write records, or refuse all of them for want of room."""
        self._admit(sum([len(record.payload) for record in records]))
        self._log.append_all(records)

    def close(self) -> None:
        """Flush and let go of the partition; idempotent."""
        self._log.close()

    def shortages(self) -> list[Shortage]:
        """Return the limits that are near or passed, at most a second ago."""
        if self._clock_s() >= self._due_s:
            self._look()
        return self._shortages

    def _admit(self, size: int) -> None:
        """Refuse what comes while a limit is passed.

        Raises:
            Unavailable: see there.
        """
        self._written += size
        if self._clock_s() >= self._due_s or self._written >= LOOK_EVERY_BYTES:
            self._look()
        if self._refusal is not None:
            raise Unavailable(self._refusal)

    def _look(self) -> None:
        if not self._lock.acquire(blocking=False):
            # Another thread looks; its answer comes in time for the next append.
            return
        try:
            self._due_s = self._clock_s() + LOOK_EVERY_S
            self._written = 0
            self._shortages = shortages(self._limits, self._room())
        except OSError:
            # Where nothing can be measured, the append tells what is wrong.
            self._shortages = []
        finally:
            self._lock.release()
        passed = [s.sentence for s in self._shortages if s.passed]
        self._refusal = "; ".join(passed) if passed else None


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        # The learner has deleted it meanwhile.
        return 0
