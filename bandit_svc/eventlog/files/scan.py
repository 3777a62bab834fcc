"""Take the frames of a segment apart, and find the next whole one behind damage.

Owns the loop over the bytes of a segment. Pure.
"""

import struct
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from bandit_svc.domain.events.record import (
    FIRST_RECORD_KIND,
    LAST_RECORD_KIND,
    PART_KEY_BYTES,
    Record,
    part_of,
)
from bandit_svc.eventlog.files.frames import (
    FOOTER,
    MAGIC,
    MIN_FRAME_BYTES,
    SHARED,
    Frame,
    checksum,
    is_known,
    is_record,
    parse_frame,
    sequence_of,
)

_MAGIC: Final = bytes((MAGIC,))
_COVERED: Final = struct.Struct("<QB")
_CRC: Final = struct.Struct("<I")
_CONTINUES: Final = 0x80


class Scanned(NamedTuple):
    """What a stretch of a segment gave."""

    records: list[Record]
    parts: dict[bytes, bytes]
    end: int
    """Offset of the first byte that is no whole and undamaged frame."""
    sequence: int
    """Sequence number of the record that comes next."""
    footer_crc: int | None
    """Checksum of the footer, if it was reached."""


Scan = Callable[[bytes, int, int, int | None], Scanned]
"""As `scan`; it may keep the records elsewhere."""


def scan(  # noqa: C901 - the inner loop of ingestion: calls cost more than branches
    data: bytes, identity: int, sequence: int, most: int | None
) -> Scanned:
    """Read frames from the first byte on, until one does not hold.

    Args:
        identity: the checksum of the segment.
        sequence: of the first record.
        most: how many records to read; None for all.
    """
    records: list[Record] = []
    parts: dict[bytes, bytes] = {}
    at, size = 0, len(data)
    crc32, covered, crc_at = zlib.crc32, _COVERED.pack, _CRC.unpack_from
    while at + MIN_FRAME_BYTES <= size and data[at] == MAGIC:
        kind, length, begin = data[at + 1], data[at + 2], at + 3
        if length & _CONTINUES:
            if data[at + 3] & _CONTINUES:
                frame = parse_frame(data, at)
                if frame is None:
                    break
                length = len(frame.payload)
                begin = frame.end - 4 - length
            else:
                length = length & 0x7F | data[at + 3] << 7
                begin = at + 4
        stop = begin + length
        if stop + 4 > size:
            break
        payload = data[begin:stop]
        crc = crc32(payload, crc32(covered(sequence, kind), identity))
        if crc != crc_at(data, stop)[0]:
            break
        if FIRST_RECORD_KIND <= kind <= LAST_RECORD_KIND:
            records.append(Record(kind, payload))
            sequence += 1
        elif kind == SHARED:
            parts[payload[:PART_KEY_BYTES]] = payload[PART_KEY_BYTES:]
        elif kind == FOOTER:
            return Scanned(records, parts, stop + 4, sequence, crc)
        else:
            break
        at = stop + 4
        if len(records) == most:
            break
    return Scanned(records, parts, at, sequence, None)


def find_next(
    data: bytes, identity: int, sequence: int, most: int
) -> tuple[int, int] | None:
    """Return offset and sequence number of the next whole frame; None without one.

    Args:
        sequence: of the record that was expected at the first byte.
        most: no later sequence number can be.
    """
    at = -1
    while (at := data.find(_MAGIC, at + 1)) >= 0:
        frame = parse_frame(data, at)
        if frame is None or not is_known(frame.kind):
            continue
        found = sequence_of(frame, identity, sequence)
        if found > most:
            continue
        # Any bytes fit one number in 2^32. So it must be a number that the skipped
        # bytes explain, or the frame behind must hold as well.
        if found - sequence <= at // MIN_FRAME_BYTES + 1 or _continues(
            data, frame, identity, found
        ):
            return at, found
    return None


def _continues(data: bytes, frame: Frame, identity: int, sequence: int) -> bool:
    """Return whether a frame ends with the data, or where a sound one begins."""
    if frame.end == len(data):
        return True
    following = parse_frame(data, frame.end)
    if following is None or not is_known(following.kind):
        return False
    after = sequence + is_record(frame.kind)
    return following.crc == checksum(identity, after, following.kind, following.payload)


def parts_in(data: bytes) -> dict[bytes, bytes]:
    """Return the shared parts among frames, each known by the hash of its content."""
    found: dict[bytes, bytes] = {}
    at = 0
    while (at := data.find(_MAGIC, at)) >= 0:
        frame = parse_frame(data, at)
        if frame is not None and frame.kind == SHARED:
            key, body = frame.payload[:PART_KEY_BYTES], frame.payload[PART_KEY_BYTES:]
            if part_of(body).key == key:
                found[key] = body
                at = frame.end
                continue
        at += 1
    return found
