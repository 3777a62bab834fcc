"""Frames of the log's format 2: bytes that know when they are damaged.

Owns the layout `0xB2 | kind | length | payload | CRC-32` and what the checksum
covers. Pure; docs/log-format.md describes it.

The checksum (zlib.crc32) covers the epoch of the partition, the number of the segment
and the sequence number of the frame, which are not stored, then the kind and the
payload. A frame that was moved, repeated or taken from another file fails, at no cost
in bytes.
"""

import hashlib
import struct
import zlib
from typing import Final, NamedTuple

from bandit_svc.domain.events.packing import Malformed, read_varint, varint
from bandit_svc.domain.events.record import FIRST_RECORD_KIND, LAST_RECORD_KIND
from bandit_svc.errors import BanditError
from bandit_svc.eventlog.files.crc_algebra import solve_sequence

FORMAT: Final = 2
CHECKSUM: Final = 1
"""The number of zlib.crc32."""

MAGIC: Final = 0xB2
HEADER: Final = 1
SHARED: Final = 2
FOOTER: Final = 3

MIN_FRAME_BYTES: Final = 7
_MAX_LENGTH_BYTES: Final = 5
CRC_BYTES: Final = 4
_CONTINUES: Final = 0x80
_ONE_BYTE_LENGTH: Final = struct.Struct("BBB").pack
_TWO_BYTE_LENGTH: Final = struct.Struct("BBBB").pack
_MOST_IN_TWO_BYTES: Final = 0x3FFF

_IDENTITY: Final = struct.Struct("<QI")
_covered: Final = struct.Struct("<QB").pack
_CRC: Final = struct.Struct("<I")
_HEADER: Final = struct.Struct("<HBQIQI16s")
_FOOTER: Final = struct.Struct("<QQI")

HEADER_FRAME_BYTES: Final = 3 + _HEADER.size + CRC_BYTES
# A header of a later format may be longer than ours.
LARGEST_HEADER_BYTES: Final = 4096
FOOTER_FRAME_BYTES: Final = 3 + _FOOTER.size + CRC_BYTES


class NewerFormat(BanditError):
    """A log that only a newer version can read."""

    code = "newer_format"


class Frame(NamedTuple):
    """A frame whose checksum is still to be compared."""

    kind: int
    payload: bytes
    crc: int
    end: int
    """Offset after it."""


class Header(NamedTuple):
    """The first frame of a segment."""

    epoch: int
    segment: int
    first: int
    """Sequence number of its first record."""
    previous_crc: int
    """Checksum of the footer of the segment before, 0 where there is none."""
    boot_id: bytes
    """16 bytes that the machine draws at each boot; zeros where it does not."""


class Footer(NamedTuple):
    """The last frame of a segment that was left in good order."""

    records: int
    bytes: int
    """Offset of the footer."""
    checksum: int
    """CRC-32 over the checksums of the records before."""


def epoch_of(partition: str) -> int:
    """Return the 64 bits that stand for a partition's name."""
    digest = hashlib.blake2b(partition.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def identity_of(epoch: int, segment: int) -> int:
    """Return the checksum of what all frames of a segment have in common."""
    return zlib.crc32(_IDENTITY.pack(epoch, segment))


def checksum(identity: int, sequence: int, kind: int, payload: bytes) -> int:
    """Return the checksum of a frame at its place."""
    return zlib.crc32(payload, zlib.crc32(_covered(sequence, kind), identity))


def encode_frame(
    identity: int, sequence: int, kind: int, payload: bytes
) -> tuple[bytes, bytes]:
    """Return a frame and its checksum, both as bytes."""
    crc = zlib.crc32(payload, zlib.crc32(_covered(sequence, kind), identity))
    packed = _CRC.pack(crc)
    length = len(payload)
    # Most frames are written here, one for each record: `varint` would be a call more.
    if length < _CONTINUES:
        head = _ONE_BYTE_LENGTH(MAGIC, kind, length)
    elif length <= _MOST_IN_TWO_BYTES:
        head = _TWO_BYTE_LENGTH(MAGIC, kind, length & 0x7F | _CONTINUES, length >> 7)
    else:
        head = bytes((MAGIC, kind)) + varint(length)
    return head + payload + packed, packed


def parse_frame(data: bytes, at: int) -> Frame | None:
    """Return the frame at a place; None where there is none, or not all of it."""
    if at + MIN_FRAME_BYTES > len(data) or data[at] != MAGIC:
        return None
    length = data[at + 2]
    begin = at + 3
    if length & _CONTINUES:
        try:
            length, begin = read_varint(data[at + 2 : at + 2 + _MAX_LENGTH_BYTES], 0)
        except Malformed:
            return None
        begin += at + 2
    end = begin + length
    if end + CRC_BYTES > len(data):
        return None
    (crc,) = _CRC.unpack_from(data, end)
    return Frame(data[at + 1], data[begin:end], crc, end + CRC_BYTES)


def could_begin(data: bytes, at: int) -> bool:
    """Return whether a frame could begin here whose end is not written yet."""
    rest = data[at:]
    if not rest or rest[0] != MAGIC:
        return False
    if len(rest) == 1:
        return True
    try:
        length, begin = read_varint(rest[2 : 2 + _MAX_LENGTH_BYTES], 0)
    except Malformed:
        return len(rest) < 2 + _MAX_LENGTH_BYTES
    return len(rest) < 2 + begin + length + CRC_BYTES


def is_record(kind: int) -> bool:
    """Return whether frames of a kind are facts, and are counted."""
    return FIRST_RECORD_KIND <= kind <= LAST_RECORD_KIND


def is_known(kind: int) -> bool:
    """Return whether frames of a kind belong in segments, behind the header."""
    return kind in {SHARED, FOOTER} or is_record(kind)


def sequence_of(frame: Frame, identity: int, near: int) -> int:
    """Return the sequence number, at or after `near`, that makes a frame whole.

    There is one in every 2^32, so the caller has to judge whether it is plausible.
    """
    high = near >> 32
    low = solve_sequence(frame.crc, frame.payload, frame.kind, high, identity)
    sequence = high << 32 | low
    if sequence >= near:
        return sequence
    low = solve_sequence(frame.crc, frame.payload, frame.kind, high + 1, identity)
    return high + 1 << 32 | low


def encode_header(header: Header) -> bytes:
    """Return the payload of a header."""
    return _HEADER.pack(FORMAT, CHECKSUM, *header)


def read_header(frame: Frame, identity: int) -> Header | None:
    """Return what a header says; None where it is damaged.

    Raises:
        NewerFormat: it is whole, and of a format that this version does not know.
    """
    if frame.kind != HEADER or frame.crc != checksum(
        identity, 0, HEADER, frame.payload
    ):
        return None
    number = int.from_bytes(frame.payload[:2], "little")
    if number > FORMAT:
        raise NewerFormat(
            f"the event log is of format {number}, and this version reads formats up "
            f"to {FORMAT}; run the version that wrote it, or a newer one"
        )
    if len(frame.payload) < _HEADER.size:
        return None
    _, algorithm, *rest = _HEADER.unpack_from(frame.payload)
    if algorithm != CHECKSUM:
        raise NewerFormat(
            f"the event log uses checksum algorithm {algorithm}, and this version "
            f"knows {CHECKSUM} (zlib.crc32) only; run the version that wrote it, or a "
            "newer one"
        )
    return Header(*rest)


def encode_footer(footer: Footer) -> bytes:
    """Return the payload of a footer."""
    return _FOOTER.pack(*footer)


def read_footer(payload: bytes) -> Footer | None:
    """Return what a footer says; None where it is too short."""
    if len(payload) < _FOOTER.size:
        return None
    return Footer(*_FOOTER.unpack_from(payload))
