"""Numbers in shared memory that tell every process which states have changed.

Owns a file of numbers, mapped by every process, of which each key of a state has one
(many keys share it), and the states that were read while theirs stood. So a unit that
comes back soon costs no read of the database. The file is a hint: what is true is in
the database.
"""

import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final, NamedTuple

from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.errors import Unavailable

_SIZE: Final = 8
_SLOTS: Final = 8_192
_BYTES: Final = _SLOTS * _SIZE
_CHANGING: Final = bytes(_SIZE)
_MOST_KEPT: Final = 2_048
"""States, of at most 4 kB each as they are stored."""


class _Kept(NamedTuple):
    """A state as it was read, while its number stood."""

    begin: int
    end: int
    number: bytes
    state: UnitState | None


class StateMarks:
    """The mapped numbers and what this process has read; opened at first use.

    Thread-safe. Where the file can't be opened nothing is kept, and every state is
    read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._map: mmap.mmap | None = None
        self._kept: dict[str, _Kept] = {}

    def kept(self, unit_id: str) -> _Kept | None:
        """Return what was read of a unit, if nothing has changed it since."""
        found = self._kept.get(unit_id)
        if found is None:
            return None
        begin, end, number, _ = found
        marks = self._map
        return found if marks is not None and marks[begin:end] == number else None

    def number(self, key: bytes) -> bytes:
        """Return the number of a key, to be asked for before its state is read."""
        begin = _place(key)
        marks = self._mapped()
        return _CHANGING if marks is None else marks[begin : begin + _SIZE]

    def keep(
        self, unit_id: str, key: bytes, number: bytes, state: UnitState | None
    ) -> None:
        """Keep a state that was read while its key had this number."""
        # While a change is under way nobody knows whether it was committed, so what was
        # read may be either.
        if number == _CHANGING:
            return
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        begin = _place(key)
        self._kept[unit_id] = _Kept(begin, begin + _SIZE, number, state)

    @contextmanager
    def changing(self, keys: Iterable[bytes] | None = None) -> Iterator[None]:
        """Change numbers around a transaction, so that every process sees it.

        A writer that is killed between its commit and the new numbers leaves zeros,
        while which no state of these keys is kept, until the next change.

        Args:
            keys: of the states that change; None for all.

        Raises:
            Unavailable: the file can't be opened, so that others could go on with what
                they have read.
        """
        marks = self._mapped()
        if marks is None:
            raise Unavailable(
                f"{self._path} can't be opened; check the disk and the owner of the "
                "data folder"
            )
        places = range(0, _BYTES, _SIZE)
        begins = places if keys is None else sorted({_place(key) for key in keys})
        for begin in begins:
            marks[begin : begin + _SIZE] = _CHANGING
        try:
            yield
        finally:
            # Random, so that two writers can't set the same one.
            fresh = os.urandom(_SIZE)
            for begin in begins:
                marks[begin : begin + _SIZE] = fresh

    def close(self) -> None:
        """Let go of the mapping and of all that was read; idempotent."""
        self._kept.clear()
        marks, self._map = self._map, None
        if marks is not None:
            marks.close()

    def _mapped(self) -> mmap.mmap | None:
        if self._map is None:
            try:
                self._map = _opened(self._path)
            except OSError:
                return None
        return self._map


def _place(key: bytes) -> int:
    """Return where the number of a key begins."""
    return int.from_bytes(key[:4]) % _SLOTS * _SIZE


def _opened(path: Path) -> mmap.mmap:
    if not path.exists():
        _create(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        if os.fstat(descriptor).st_size < _BYTES:
            raise OSError(f"{path} is too short")
        return mmap.mmap(descriptor, _BYTES)
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    """Create the file whole, unless another process has done so meanwhile.

    It is written, not only sized: a page that finds no room on the disk when it is
    first touched would kill the process.
    """
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:
        file.write(os.urandom(_BYTES))
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)
