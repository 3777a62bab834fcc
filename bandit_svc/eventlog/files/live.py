"""The live counter: how far a writer has come, told apart from its segment.

Owns the page `manifests/<partition>.live`. Its writer changes it after each append,
in mapped memory; readers compare it with the segment, so that a tail that was cut is
known to be missing. Two slots are written in turn, each with a checksum, so that one
is whole whenever the writer dies.
"""

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from bandit_svc.eventlog.files.segments import PRIVATE_FILE

_PAGE_BYTES: Final = 4096
_SLOT_BYTES: Final = 64
_SLOT: Final = struct.Struct("<IQQQ")
_pack_slot: Final = _SLOT.pack
_CRC: Final = struct.Struct("<I")
_pack_whole_slot_into: Final = struct.Struct("<IQQQI").pack_into


class Live(NamedTuple):
    """What the segment that is open holds at least."""

    segment: int
    first: int
    """Sequence number of its first record."""
    records: int
    bytes: int

    @property
    def sequence(self) -> int:
        """Sequence number of the record after its last."""
        return self.first + self.records


class LiveCounter:
    """The writer's end."""

    def __init__(self, path: Path, identity: int) -> None:
        """Create the page, with room for it on the disk.

        Args:
            identity: the checksum of the partition, which each slot's begins with.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
        self._descriptor = os.open(path, flags, PRIVATE_FILE)
        try:
            self.restore()
            self._map = mmap.mmap(self._descriptor, _PAGE_BYTES)
        except OSError:
            os.close(self._descriptor)
            raise
        self._identity = identity
        self._at = 0

    def restore(self) -> bool:
        """Take room for the page where it has none; return whether it had none.

        To touch a page that the disk has no room for, or that somebody has cut off,
        would kill the process (SIGBUS).

        Raises:
            OSError: the disk has no room for it.
        """
        if os.lseek(self._descriptor, 0, os.SEEK_END) >= _PAGE_BYTES:
            return False
        os.posix_fallocate(self._descriptor, 0, _PAGE_BYTES)
        return True

    def set(self, segment: int, first: int, records: int, size: int) -> bool:
        """Store what the open segment holds; return whether somebody had cut the page.

        Everything before was written.

        Raises:
            OSError: as `restore`.
        """
        # As `restore` does, which would be a call more for each record.
        was_cut = os.lseek(self._descriptor, 0, os.SEEK_END) < _PAGE_BYTES
        if was_cut:
            self.restore()
        crc = zlib.crc32(_pack_slot(segment, first, records, size), self._identity)
        at = self._at
        _pack_whole_slot_into(self._map, at, segment, first, records, size, crc)
        self._at = at ^ _SLOT_BYTES
        return was_cut

    def close(self) -> None:
        """Let go of the page."""
        self._map.close()
        os.close(self._descriptor)


def read_live(path: Path, identity: int) -> Live | None:
    """Return the newest whole slot; None where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    found = []
    for at in (0, _SLOT_BYTES):
        data = content[at : at + _SLOT.size]
        crc = content[at + _SLOT.size : at + _SLOT.size + _CRC.size]
        if len(crc) == _CRC.size and crc == _CRC.pack(zlib.crc32(data, identity)):
            found.append(Live(*_SLOT.unpack(data)))
    return max(found, default=None)
