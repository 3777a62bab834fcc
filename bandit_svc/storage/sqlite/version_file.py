"""A number in shared memory that tells every process of a change.

Owns eight bytes of a file, mapped by every process, so that a request can see
at no cost that another worker has changed an experiment or a key. The file is a
hint: what is true is in the database.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bandit_svc.errors import Unavailable

NAME = "definitions.version"
_SIZE = 8
_CHANGING = bytes(_SIZE)


class VersionFile:
    """Eight mapped bytes; opened at first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None

    def read(self) -> int:
        """Return the number; the cost is that of reading memory."""
        number = self._mapped()[:_SIZE]
        # While a change is under way nobody knows whether it was committed, so
        # nobody may rely on what was read before.
        return int.from_bytes(os.urandom(_SIZE) if number == _CHANGING else number)

    def look(self) -> None:
        """Return: every process sees the number at once."""

    def missed(self) -> None:
        """Set a new number, so that everybody reads again."""
        self.bump()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change the number around a transaction, so that every process sees it.

        A writer that is killed between its commit and the new number leaves a
        zero, which every reader takes for a change at each look, until the next.
        """
        self._mapped()[:_SIZE] = _CHANGING
        try:
            yield
        finally:
            self.bump()

    def bump(self) -> None:
        """Set a new random number, so that two writers can't set the same one."""
        self._mapped()[:_SIZE] = os.urandom(_SIZE)

    def close(self) -> None:
        """Let go of the mapping; idempotent."""
        if self._map is not None:
            self._map.close()
            self._map = None

    def _mapped(self) -> mmap.mmap:
        if self._map is None:
            try:
                self._map = _opened(self._path)
            except OSError as error:
                raise Unavailable(
                    f"{self._path} can't be opened ({error}); check the disk and the "
                    "owner of the data folder"
                ) from error
        return self._map


def _opened(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _SIZE:
            # Written, not only sized: a page that finds no room on the disk when it
            # is first touched would kill the process.
            os.pwrite(descriptor, _CHANGING, 0)
        return mmap.mmap(descriptor, _SIZE)
    finally:
        os.close(descriptor)
