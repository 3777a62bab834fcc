"""Own one partition's files on disk: its folder, its lock, its manifest, its numbers.

Used by writer.py alone, under its lock. Writes no record.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from bandit_svc.eventlog.files.frames import epoch_of, identity_of
from bandit_svc.eventlog.files.live import LiveCounter
from bandit_svc.eventlog.files.manifest import ManifestFile
from bandit_svc.eventlog.files.segments import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    current_boot_id,
    live_path,
    manifest_path,
    partition_name,
    segment_name,
)

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
        self._manifest: ManifestFile | None = None
        self._live: LiveCounter | None = None
        self.number = 0
        """Of the newest segment."""
        self.boot_id = current_boot_id()

    @property
    def name(self) -> str:
        """The partition's name; changes only if the folder is deleted."""
        return partition_name(self._now_ms, self._pid, self._suffix, self._incarnation)

    @property
    def epoch(self) -> int:
        """The number that stands for the name in every checksum."""
        return epoch_of(self.name)

    @property
    def manifest(self) -> ManifestFile:
        """The manifest; there is one once a segment was asked for."""
        if self._manifest is None:
            raise FileNotFoundError(2, "the partition was not created yet")
        return self._manifest

    @property
    def live(self) -> LiveCounter:
        """The live counter; there is one once a segment was asked for."""
        if self._live is None:
            raise FileNotFoundError(2, "the partition was not created yet")
        return self._live

    def open_next_segment(self) -> int:
        """Create the next segment and return its descriptor, open for appending.

        Where `durable`, the segment and its folder are known to be on the disk.
        """
        if self._descriptor < 0:
            self._create()
        self.number += 1
        try:
            segment = self._open_segment()
        except FileNotFoundError:
            # The folder was deleted. Start over under a new name, since a reader
            # may have forgotten the old one together with its cursor.
            self.close()
            self._incarnation += 1
            self._create()
            self.number = 1
            segment = self._open_segment()
        try:
            if self._durable:
                os.fsync(segment)
                os.fsync(self._descriptor)
        except OSError:
            self.take_back(segment)
            raise
        return segment

    def take_back(self, segment: int) -> None:
        """Delete the newest segment, which holds no record; its number stays unused."""
        os.close(segment)
        with contextlib.suppress(OSError):
            os.unlink(segment_name(self.number), dir_fd=self._descriptor)

    def close(self) -> None:
        """Release the lock: to readers the writer is dead."""
        if self._manifest is not None:
            self._manifest.close()
            self._manifest = None
        if self._live is not None:
            self._live.close()
            self._live = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _create(self) -> None:
        """Make the folder under a hidden name, lock it, show it; then its manifest."""
        self._root.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
        hidden = self._root / f".{self.name}"
        hidden.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
        self._descriptor = os.open(hidden, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._root / self.name)
            # Only now: a manifest without a folder would say that it was deleted.
            manifest = manifest_path(self._root, self.name)
            manifest.parent.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
            self._manifest = ManifestFile(manifest, self.name, self.boot_id)
            identity = identity_of(self.epoch, 0)
            self._live = LiveCounter(live_path(self._root, self.name), identity)
            if self._durable:
                _fsync_folder(self._root)
        except OSError:
            self.close()
            raise

    def _open_segment(self) -> int:
        # O_EXCL: a number is never reused. Python sets O_CLOEXEC by itself.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        name = segment_name(self.number)
        return os.open(name, flags, PRIVATE_FILE, dir_fd=self._descriptor)


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
