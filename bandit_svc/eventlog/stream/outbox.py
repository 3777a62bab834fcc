"""A node's outbox: its own event log, and up to where the stream has it.

Owns the files of `outbox` in the data folder: the name of the node, and the place up to
which everything was acknowledged. A place that is lost costs nothing but sending again
what is still there, which readers of the stream leave out.
"""

import contextlib
import fcntl
import logging
import os
import re
import secrets
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from bandit_svc.errors import InvalidInput
from bandit_svc.eventlog.files.frames import (
    LARGEST_HEADER_BYTES,
    epoch_of,
    identity_of,
    parse_frame,
    read_header,
)
from bandit_svc.eventlog.files.segments import (
    PRIVATE_FOLDER,
    list_segments,
    segment_name,
)
from bandit_svc.eventlog.interface import START, Cursor

FOLDER: Final = "outbox"
_LOCK: Final = "lock"
_NODE: Final = "node"
_PLACE: Final = "place.json"
_ANNOUNCED: Final = "announced"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_encode = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Up to where everything was acknowledged.

    Attributes:
        mark_ms: all that the node stamped before this time lies before it.
        sources: a cursor of each partition of the node's log.
    """

    mark_ms: int
    sources: dict[str, Cursor]


_decode = msgspec.json.Decoder(Place).decode


def checked_node(name: str) -> str:
    """Return the name of a node.

    Raises:
        InvalidInput: it is none.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"node is {name[:80]!r}; write 1 to 64 letters, digits, dots, hyphens and "
            "underscores, the first a letter or digit, or leave it out"
        )
    return name


class Outbox:
    """The files of one node's outbox. For the one process that sends."""

    def __init__(self, data: Path) -> None:
        """Describe the outbox of a data folder; nothing is written yet."""
        self._folder = data / FOLDER
        self._log = data / "log"
        self._lock: BinaryIO | None = None
        self._keeps = True

    def lock(self) -> bool:
        """Become the one process that sends; return whether it is this one.

        The kernel lets go of it when the process ends, however it ends.
        """
        self._make_folder()
        if self._lock is None:
            self._lock = (self._folder / _LOCK).open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def node(self, wanted: str) -> str:
        """Return the node's name: the wanted one, or one that is drawn once."""
        name = self.known_node(wanted)
        if not name:
            name = secrets.token_hex(6)
            self._write(_NODE, f"{name}\n".encode())
        return name

    def known_node(self, wanted: str) -> str:
        """Return the node's name as `node` does; "" where none was drawn yet."""
        if wanted:
            return checked_node(wanted)
        try:
            return checked_node((self._folder / _NODE).read_text().strip())
        except FileNotFoundError:
            return ""

    def place(self) -> Place:
        """Return the place that was kept last, or the beginning where it is lost."""
        try:
            return _decode((self._folder / _PLACE).read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return Place(0, {})

    def keep(self, place: Place) -> bool:
        """Keep a place, for the next process that sends; return whether it is kept.

        Where a full disk has no room for it, the former one is forgotten: segments
        behind it may be deleted then, which makes room, and the next process begins
        with the oldest that is left.

        Raises:
            OSError: nothing in the folder can be changed.
        """
        try:
            self._write(_PLACE, _encode(place))
        except OSError as error:
            (self._folder / _PLACE).unlink(missing_ok=True)
            if self._keeps:
                _log.warning(
                    "up to where the stream has the outbox can't be kept now (%s), so "
                    "the next start sends again what is still there; make room on the "
                    "disk of the data folder",
                    error.strerror,
                )
            self._keeps = False
            return False
        self._keeps = True
        return True

    def first(self, source: str) -> Cursor:
        """Return where the oldest segment of a source begins.

        What lay before was acknowledged, or it would still be there.
        """
        numbers = list_segments(self._log / source)
        if not numbers:
            return START
        path = self._log / source / segment_name(numbers[0])
        with contextlib.suppress(OSError), path.open("rb") as file:
            frame = parse_frame(file.read(LARGEST_HEADER_BYTES), 0)
            identity = identity_of(epoch_of(source), numbers[0])
            header = None if frame is None else read_header(frame, identity)
            if header is not None:
                return Cursor(numbers[0], 0, header.first)
        return START

    def announce(self) -> None:
        """Note that every partition of the stream knows of this node."""
        self._write(_ANNOUNCED, b"")

    def is_announced(self) -> bool:
        """Return whether it was, since `begin`."""
        return (self._folder / _ANNOUNCED).exists()

    def begin(self) -> None:
        """Forget the announcement, before the sending process starts."""
        (self._folder / _ANNOUNCED).unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        """Replace a file, so that it is whole whenever the process dies."""
        self._make_folder()
        path = self._folder / name
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
