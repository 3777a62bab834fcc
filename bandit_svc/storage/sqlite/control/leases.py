"""Leases of an embedded store: locks of the kernel on files beside it.

Owns the folder `locks`; see storage.control.leases. The kernel ends a lease with the
process that holds it. Two locks lie on each file. The one that decides is of the kind
that former versions take, so that a lease holds between versions; the second is of a
kind that can be read without being taken.
"""

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bandit_svc.storage.control.leases import EMBEDDED_TOKEN, Holder

_LOCK = struct.Struct("hhqqi4x")
"""`struct flock`: type, whence, start, length (0: to the end), process."""
_MOST_BYTES = 256


class SqliteLeases:
    """See storage.control.leases.Leases."""

    def __init__(self, folder: Path) -> None:
        """Describe the leases.

        Args:
            folder: of the store; nothing is created before a name is held.
        """
        self._folder = folder / "locks"

    @contextmanager
    def hold(self, name: str) -> Iterator[Holder | None]:
        """See the interface."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield _marked(descriptor)
        finally:
            os.close(descriptor)

    def holder(self, name: str) -> Holder | None:
        """See the interface."""
        try:
            descriptor = os.open(self._path(name), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            asked = _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
            if _LOCK.unpack(found)[0] == fcntl.F_UNLCK:
                return None
            said = os.pread(descriptor, _MOST_BYTES, 0)
        finally:
            os.close(descriptor)
        return Holder(said.decode(errors="replace").strip(), EMBEDDED_TOKEN)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


def _marked(descriptor: int) -> Holder:
    """Write into a file who holds it, and make that visible."""
    holder = Holder(f"{os.getpid()} on {socket.gethostname()}", EMBEDDED_TOKEN)
    said = holder.process.encode()[: _MOST_BYTES - 1] + b"\n"
    os.pwrite(descriptor, said, 0)
    os.ftruncate(descriptor, len(said))
    wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wanted)
    return holder
