"""A number in shared memory that tells every process of a change.

Owns eight bytes of a file, mapped by every process, so that a request can see
at no cost that another worker has changed an experiment or a key. The file is a
hint: what is true is in the database.
"""

import mmap
import os
from pathlib import Path

_SIZE = 8


class VersionFile:
    """Eight mapped bytes; opened at first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None

    def read(self) -> int:
        """Give the number; the cost is that of reading memory."""
        return int.from_bytes(self._mapped()[:_SIZE], "little")

    def bump(self) -> None:
        """Change the number, so that every process that compares it sees a change.

        Random, not counted: two writers at once can't give the same number.
        """
        self._mapped()[:_SIZE] = os.urandom(_SIZE)

    def close(self) -> None:
        """Let go of the mapping; idempotent."""
        if self._map is not None:
            self._map.close()
            self._map = None

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if os.fstat(descriptor).st_size < _SIZE:
                    os.ftruncate(descriptor, _SIZE)
                self._map = mmap.mmap(descriptor, _SIZE)
            finally:
                os.close(descriptor)
        return self._map
