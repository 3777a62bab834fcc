"""Metrics in shared files that can't kill a worker on a full disk.

Owns the files of `PROMETHEUS_MULTIPROC_DIR`. Prometheus' client writes to them through
memory maps. A hole of such a file that the disk has no room for ends the process with
SIGBUS, so every file is allocated before it is mapped; where that fails, the metrics of
this process go to memory and are lost to the others.
"""

import logging
import mmap
import os

from prometheus_client import mmap_dict, values

_FIRST_BYTES = 65_536
_ENTRY_OVERHEAD = 64
"""More bytes than an entry takes beside its key."""

_log = logging.getLogger(__name__)


class AllocatedDict(mmap_dict.MmapedDict):
    """A dict of doubles in a file without holes."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of the client
        if not read_mode and not _allocated(filename, _FIRST_BYTES):
            filename = _in_memory(b"", _FIRST_BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed = self._used + len(key.encode()) + _ENTRY_OVERHEAD
        capacity = self._capacity
        while capacity < needed:
            capacity *= 2
        if capacity > self._capacity:
            self._grow(capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _grow(self, capacity: int) -> None:
        if not _allocated(self._fname, capacity):
            held = bytes(self._m[: self._used])
            self._fname = _in_memory(held, capacity)
            self._f.close()
            self._f = open(self._fname, "a+b")  # noqa: PTH123, SIM115 - kept open, as the client does
        self._m = mmap.mmap(self._f.fileno(), capacity)
        self._capacity = capacity


def install() -> None:
    """Make the client use these files; call it before the first metric exists."""
    values.MmapedDict = AllocatedDict  # type: ignore[attr-defined]


def _allocated(path: str, size: int) -> bool:
    """Allocate the bytes of a file; return False if the disk has no room."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        _lost(path, error)
        return False
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        _lost(path, error)
        return False
    finally:
        os.close(descriptor)
    return True


def _in_memory(content: bytes, size: int) -> str:
    """Return the path of a file in memory; it lives as long as this process."""
    descriptor = os.memfd_create("metrics")
    os.write(descriptor, content)
    os.ftruncate(descriptor, size)
    return f"/proc/self/fd/{descriptor}"


def _lost(path: str, error: OSError) -> None:
    _log.warning(
        "%s can't have its room on the disk (%s), so some metrics of this process are "
        "lost until it restarts; make room",
        path,
        error.strerror,
    )
