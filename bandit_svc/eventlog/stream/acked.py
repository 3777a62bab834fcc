"""What two processes of a node tell each other of the outbox, beside its files.

Owns the file in which the sending process tells how many records of a source are
acknowledged, and the pipe by which a worker asks it to send at once. Neither is needed
to find out what was sent: they are for answers that wait.
"""

import contextlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bandit_svc.eventlog.files.segments import PRIVATE_FILE, PRIVATE_FOLDER
from bandit_svc.eventlog.interface import Cursor
from bandit_svc.eventlog.stream.outbox import FOLDER

_ACKED: Final = "acked"
_WAKE: Final = "wake"
_COUNT: Final = struct.Struct("<Q")
_MOST_READ: Final = 4096


class Telling:
    """The end of the sending process."""

    def __init__(self, data: Path) -> None:
        """Take the outbox of a data folder, and make the pipe."""
        self._folder = data / FOLDER / _ACKED
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        pipe = data / FOLDER / _WAKE
        with contextlib.suppress(FileExistsError):
            os.mkfifo(pipe, PRIVATE_FILE)
        # Open for writing too: a pipe without a writer would never be quiet.
        self.pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._told: dict[str, int] = {}

    def tell(self, sources: Mapping[str, Cursor]) -> None:
        """Write down up to where each source is acknowledged."""
        for source, cursor in sources.items():
            if self._told.get(source) == cursor.sequence:
                continue
            self._told[source] = cursor.sequence
            flags = os.O_WRONLY | os.O_CREAT
            descriptor = os.open(self._folder / source, flags, PRIVATE_FILE)
            try:
                os.pwrite(descriptor, _COUNT.pack(cursor.sequence), 0)
            finally:
                os.close(descriptor)
        for gone in set(self._told) - set(sources):
            del self._told[gone]
            (self._folder / gone).unlink(missing_ok=True)

    def was_asked(self) -> bool:
        """Return whether a worker asked to send at once, since the last call."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self.pipe, _MOST_READ))
        return False

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self.pipe)


class Asking:
    """The end of one worker; for one thread."""

    def __init__(self, data: Path) -> None:
        """Take the outbox of a data folder; nothing is opened yet."""
        self._outbox = data / FOLDER
        self._source = ""
        self._told: int | None = None
        self._pipe: int | None = None

    def acknowledged(self, source: str) -> int:
        """Return how many of the first records of a source are acknowledged."""
        if source != self._source:
            self._close_told()
            self._source = source
        with contextlib.suppress(FileNotFoundError):
            if self._told is None:
                self._told = os.open(self._outbox / _ACKED / source, os.O_RDONLY)
            content = os.pread(self._told, _COUNT.size, 0)
            if len(content) == _COUNT.size:
                return int(_COUNT.unpack(content)[0])
        return 0

    def ask(self) -> None:
        """Ask the sending process to send at once; it looks by itself soon after."""
        try:
            if self._pipe is None:
                self._pipe = os.open(self._outbox / _WAKE, os.O_WRONLY | os.O_NONBLOCK)
            os.write(self._pipe, b".")
        except OSError:
            # It does not run now, or has been asked often enough.
            self._close_pipe()

    def close(self) -> None:
        """Let go of the files; idempotent."""
        self._close_told()
        self._close_pipe()

    def _close_told(self) -> None:
        if self._told is not None:
            os.close(self._told)
        self._told = None

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None
