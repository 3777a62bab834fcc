"""How many decisions each client has made, told beyond its death.

Owns one small file for each client and experiment, in a folder that the clients of a
machine share. It is mapped into memory, so that its number outlives a process that is
killed, and locked for as long as the process lives, so that another one knows.
"""

import fcntl
import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_NUMBER: Final = struct.Struct("<Q")
_SUFFIX: Final = ".made"


class Past(NamedTuple):
    """A client that has ended without saying that all was logged."""

    client: str
    made: int
    file: Path


class Made:
    """The number of one client and one experiment. Hold a lock around `write`."""

    def __init__(self, folder: Path, client: str, experiment: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / f"{client}.{experiment}{_SUFFIX}"
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.ftruncate(self._descriptor, _NUMBER.size)
        self._memory = mmap.mmap(self._descriptor, _NUMBER.size)

    def write(self, number: int) -> None:
        """Keep a number; costs no system call."""
        _NUMBER.pack_into(self._memory, 0, number)

    def close(self, *, all_logged: bool) -> None:
        """Let go of the file; where nothing is lost there is nothing to tell."""
        if all_logged:
            self._file.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        """Close the file; in a forked process, which shares its parent's lock."""
        self._memory.close()
        os.close(self._descriptor)


def past(folder: Path, experiment: str) -> Iterator[Past]:
    """Yield the clients of an experiment whose process has ended."""
    for file in sorted(folder.glob(f"*.{experiment}{_SUFFIX}")):
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = os.read(descriptor, _NUMBER.size)
        except OSError:
            continue
        finally:
            os.close(descriptor)
        if len(content) == _NUMBER.size:
            (made,) = _NUMBER.unpack(content)
            yield Past(file.name.partition(".")[0], made, file)


def usual_folder() -> Path:
    """Return where the numbers are kept unless told."""
    return Path(tempfile.gettempdir()) / f"bandit-local-{os.getuid()}"
