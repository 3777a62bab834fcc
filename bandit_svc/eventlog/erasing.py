"""Overwrite records of the event log with blanked ones of the same length.

Owns the files that this touches: segments of format 2, those of live writers too, and
segments that are kept compressed. A frame is written whole, by one call, so that a
process that is killed leaves it as it was or as it is to be; a second run finds what
the first one left. Only frames that the store has are touched: no writer and no reader
has them before it any more.

A footer says what the checksums of its segment's records were when they were written;
it stays as it is.
"""

import gzip
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bandit_svc.domain.events.cursor import START, Cursor
from bandit_svc.domain.events.record import PART_KEY_BYTES, Record
from bandit_svc.eventlog.files.frames import (
    SHARED,
    checksum,
    encode_frame,
    epoch_of,
    identity_of,
    is_record,
    parse_frame,
    read_header,
)
from bandit_svc.eventlog.files.known import KnownPartitions
from bandit_svc.eventlog.files.segments import (
    KEPT,
    list_partitions,
    list_segments,
    segment_name,
)
from bandit_svc.eventlog.kept import kept_segments, replace_kept

Blank = Callable[[Record, Mapping[bytes, bytes]], bytes | None]
"""Returns the new payload of a record, of the same length; None to leave it."""


def erase_from_log(
    root: Path,
    cursors: Mapping[str, Cursor],
    needles: Sequence[bytes],
    blank: Blank,
) -> int:
    """Overwrite the records that hold any of some bytes; return how many.

    Args:
        root: the log's folder.
        cursors: up to which the store has each partition.
        needles: a record without any of them is left.
        blank: makes the new payload.
    """
    known = KnownPartitions(root)
    count = 0
    for partition in list_partitions(root):
        cursor = cursors.get(partition, START)
        folder = root / partition
        for number in list_segments(folder):
            if number > cursor.segment:
                continue
            most = cursor.offset if number == cursor.segment else None
            parts = known.of(partition).parts
            work = _Segment(partition, number, parts, needles, blank)
            count += _erase_in_place(folder / segment_name(number), work, most)
    for path in kept_segments(root / KEPT):
        number = int(path.name.partition(".")[0])
        work = _Segment(path.parent.name, number, {}, needles, blank)
        count += _erase_kept(path, work)
    return count


class _Segment:
    """What to do with the frames of one segment."""

    def __init__(
        self,
        partition: str,
        number: int,
        parts: Mapping[bytes, bytes],
        needles: Sequence[bytes],
        blank: Blank,
    ) -> None:
        self._identity = identity_of(epoch_of(partition), number)
        self._parts = dict(parts)
        self._needles = needles
        self._blank = blank

    def changes(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield offsets and new frames, up to the first frame that is not whole."""
        if not self._is_needed(data):
            return
        frame = parse_frame(data, 0)
        header = None if frame is None else read_header(frame, self._identity)
        if frame is None or header is None:
            return
        at, sequence = frame.end, header.first
        while (frame := parse_frame(data, at)) is not None:
            kind, payload = frame.kind, frame.payload
            if frame.crc != checksum(self._identity, sequence, kind, payload):
                return
            if kind == SHARED:
                self._parts[payload[:PART_KEY_BYTES]] = payload[PART_KEY_BYTES:]
            elif is_record(kind):
                new = None
                if self._is_needed(payload):
                    new = self._blank(Record(kind, payload), self._parts)
                if new is not None and len(new) == len(payload):
                    yield at, encode_frame(self._identity, sequence, kind, new)[0]
                sequence += 1
            at = frame.end

    def _is_needed(self, data: bytes) -> bool:
        return any(needle in data for needle in self._needles)


def _erase_in_place(path: Path, work: _Segment, most: int | None) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        # Released meanwhile.
        return 0
    try:
        size = os.fstat(descriptor).st_size if most is None else most
        count = 0
        for at, frame in work.changes(os.pread(descriptor, size, 0)):
            os.pwrite(descriptor, frame, at)
            count += 1
        if count:
            os.fsync(descriptor)
        return count
    finally:
        os.close(descriptor)


def _erase_kept(path: Path, work: _Segment) -> int:
    data = gzip.decompress(path.read_bytes())
    changes = list(work.changes(data))
    if changes:
        new = bytearray(data)
        for at, frame in changes:
            new[at : at + len(frame)] = frame
        replace_kept(path, bytes(new))
    return len(changes)
