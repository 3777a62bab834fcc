"""The manifest of a partition: which segments there were, and how they ended.

Owns the frames of `manifests/<partition>.manifest`, which lie apart from the segments
and tell when one was cut or deleted, and copies of the shared parts. A manifest is a
segment of number 0 to its checksums; each frame counts in its sequence numbers.
"""

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

from bandit_svc.domain.events.record import PART_KEY_BYTES, Part
from bandit_svc.eventlog.files.frames import (
    HEADER,
    SHARED,
    Header,
    checksum,
    encode_frame,
    encode_header,
    epoch_of,
    identity_of,
    parse_frame,
    read_header,
    sequence_of,
)
from bandit_svc.eventlog.files.segments import PRIVATE_FILE

OPENED: Final = 48
"""A segment was created."""
ENDED: Final = 49
"""A segment was left, in good order or not."""

_OPENED: Final = struct.Struct("<IQ")
_ENDED: Final = struct.Struct("<IQQQI")
_MAGIC: Final = b"\xb2"
_MOST_ENTRIES_LOST: Final = 1_000_000


class Ended(NamedTuple):
    """How a segment was left."""

    segment: int
    first: int
    records: int
    bytes: int
    """Its length without the footer."""
    footer_crc: int
    """Checksum of its footer; 0 where none was written."""

    @property
    def sequence(self) -> int:
        """Sequence number of the record after its last."""
        return self.first + self.records


class ManifestFile:
    """The writer's end: entries are owed until the disk has taken them."""

    def __init__(self, path: Path, partition: str, boot_id: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC
        self._descriptor = os.open(path, flags, PRIVATE_FILE)
        epoch = epoch_of(partition)
        self._identity = identity_of(epoch, 0)
        self._entries = 0
        self._end = 0
        self._owed: list[tuple[int, bytes]] = []
        self._parts: set[bytes] = set()
        header = encode_header(Header(epoch, 0, 0, 0, boot_id))
        # The header's sequence number is 0, like any header's; entries begin with 1.
        data, _ = encode_frame(self._identity, 0, HEADER, header)
        try:
            self._append(data, 1)
        except OSError:
            self.close()
            raise

    def owe_ended(self, ended: Ended) -> None:
        """Note how a segment was left; it is written with the next entry."""
        self._owed.append((ENDED, _ENDED.pack(*ended)))

    def owe_opened(self, segment: int, first: int) -> None:
        """Note that a segment was created."""
        self._owed.append((OPENED, _OPENED.pack(segment, first)))

    def add_part(self, part: Part) -> None:
        """Keep a copy of a shared part, unless there is one.

        Raises:
            OSError: the disk refused.
        """
        if part.key in self._parts:
            return
        self._owed.append((SHARED, part.key + part.body))
        try:
            self.write()
        except OSError:
            self._owed.pop()
            raise
        self._parts.add(part.key)

    def write(self, *, durably: bool = False) -> None:
        """Write what is owed.

        Raises:
            OSError: the disk refused; everything is still owed.
        """
        if self._owed:
            frames = [
                encode_frame(self._identity, self._entries + i, kind, payload)[0]
                for i, (kind, payload) in enumerate(self._owed)
            ]
            self._append(b"".join(frames), len(frames))
            self._owed.clear()
        if durably:
            os.fdatasync(self._descriptor)

    def forget_newest(self) -> None:
        """Drop the newest entry that is still owed, if there is one."""
        if self._owed:
            self._owed.pop()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _append(self, data: bytes, entries: int) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(data)
        self._entries += entries


class Manifest:
    """The reader's view; `update` takes what has been appended since."""

    def __init__(self, partition: str) -> None:
        epoch = epoch_of(partition)
        self._identity = identity_of(epoch, 0)
        self._at = 0
        self._entries = 0
        self.first: dict[int, int] = {}
        """Sequence number of the first record, by segment."""
        self.ended: dict[int, Ended] = {}
        self.parts: dict[bytes, bytes] = {}
        self.whole = True
        """Whether every byte so far was an entry."""
        self.boot_id: bytes | None = None

    @property
    def read_bytes(self) -> int:
        """The bytes that have been read."""
        return self._at

    def update(self, data: bytes) -> None:
        """Take the bytes that follow those that were read; a cut frame waits.

        Raises:
            NewerFormat: a newer version wrote it.
        """
        at = 0
        while at < len(data):
            frame = parse_frame(data, at)
            if frame is not None and self._entries == 0:
                header = read_header(frame, self._identity)
                if header is not None:
                    self.boot_id = header.boot_id
                    self._entries = 1
                    at = frame.end
                    continue
            if frame is not None and frame.crc == checksum(
                self._identity, self._entries, frame.kind, frame.payload
            ):
                self._take(frame.kind, frame.payload)
                self._entries += 1
                at = frame.end
                continue
            found = self._next_entry(data, at)
            if found is None:
                break
            self.whole = False
            at = found
        self._at += at

    def _next_entry(self, data: bytes, at: int) -> int | None:
        """Return where the next whole entry begins, and expect its number."""
        while (at := data.find(_MAGIC, at)) >= 0:
            frame = parse_frame(data, at)
            if frame is not None and frame.kind in {SHARED, OPENED, ENDED}:
                number = sequence_of(frame, self._identity, self._entries)
                if number - self._entries <= _MOST_ENTRIES_LOST:
                    self._entries = number
                    return at
            at += 1
        return None

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == OPENED:
            segment, first = _OPENED.unpack_from(payload)
            self.first[segment] = first
        elif kind == ENDED:
            ended = Ended(*_ENDED.unpack_from(payload))
            self.first[ended.segment] = ended.first
            self.ended[ended.segment] = ended
        elif kind == SHARED:
            self.parts[payload[:PART_KEY_BYTES]] = payload[PART_KEY_BYTES:]
