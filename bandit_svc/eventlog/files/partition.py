"""Own one partition's folder on disk: create it, lock it, number its segments.

Used by writer.py alone, under its lock. Writes no record.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from bandit_svc.eventlog.files.segments import partition_name, segment_name

_CLOSED = -1


class PartitionFolder:
    """The folder of a live writer; holding it open and locked says "alive".

    Nothing is created before the first segment is asked for. Every method may
    raise OSError, and leaves a state in which it can be called again.
    """

    def __init__(self, root: Path, *, now_ms: int, suffix: str, durable: bool) -> None:
        self._root = root
        self._now_ms = now_ms
        self._suffix = suffix
        self._durable = durable
        self._pid = os.getpid()
        self._incarnation = 1
        self._descriptor = _CLOSED
        self._number = 0

    @property
    def name(self) -> str:
        """The partition's name; changes only if the folder is deleted."""
        return partition_name(self._now_ms, self._pid, self._suffix, self._incarnation)

    def open_next_segment(self) -> int:
        """Create the next segment and give its descriptor, open for appending.

        Where `durable`, the segment and its folder are known to be on the disk.
        """
        if self._descriptor < 0:
            self._create()
        self._number += 1
        try:
            segment = self._open_segment()
        except FileNotFoundError:
            # The folder was deleted. Start over under a new name, since a reader
            # may have forgotten the old one together with its cursor.
            self.close()
            self._incarnation += 1
            self._create()
            self._number = 1
            segment = self._open_segment()
        try:
            if self._durable:
                os.fsync(segment)
                os.fsync(self._descriptor)
        except OSError:
            os.close(segment)
            with contextlib.suppress(OSError):
                os.unlink(segment_name(self._number), dir_fd=self._descriptor)
            raise
        return segment

    def close(self) -> None:
        """Release the lock: to readers the writer is dead."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _create(self) -> None:
        """Make the folder under a hidden name, lock it, then show it."""
        self._root.mkdir(exist_ok=True)
        hidden = self._root / f".{self.name}"
        hidden.mkdir(exist_ok=True)
        descriptor = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._root / self.name)
            if self._durable:
                _fsync_folder(self._root)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _open_segment(self) -> int:
        # O_EXCL: a number is never reused. Python sets O_CLOEXEC by itself.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        name = segment_name(self._number)
        return os.open(name, flags, 0o644, dir_fd=self._descriptor)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
