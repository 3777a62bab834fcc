"""Sort the frames of an outbox into the messages of their partitions.

Owns the loop over the bytes of a segment as a shipper reads them. A record goes from
there into the frame of its message without a form in between: nothing else is done as
often by a node's sending process.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from bandit_svc.domain.events.decision_id import NUMBER_PLACE
from bandit_svc.domain.events.record import (
    DECISION,
    FIRST_RECORD_KIND,
    LAST_RECORD_KIND,
    PART_KEY_BYTES,
    UNIT,
)
from bandit_svc.eventlog.files.frames import (
    CRC_BYTES,
    FOOTER,
    MAGIC,
    MIN_FRAME_BYTES,
    SHARED,
    parse_frame,
)
from bandit_svc.eventlog.files.scan import Scanned
from bandit_svc.eventlog.stream.filling import (
    BEGINNING,
    SHORT_GAPS,
    SHORT_HEADS,
    OpenRun,
    head_of,
)
from bandit_svc.eventlog.stream.partitions import UNIT_PARTITION, partition_of

_covered: Final = struct.Struct("<QB").pack
_crc_at: Final = struct.Struct("<I").unpack_from
_CONTINUES: Final = 0x80
_HEAD_BYTES: Final = MIN_FRAME_BYTES - CRC_BYTES
_LENGTH_AT: Final = 2
_LONG: Final = 1 << 14
"""A length from this on takes a third byte."""


class Sorting:
    """One reading of a source. It changes no message."""

    def __init__(self, partitions: int, begin: Callable[[str], OpenRun]) -> None:
        """Begin a reading.

        Args:
            partitions: of the stream, besides that of units.
            begin: begins the run of a partition.
        """
        self._runs = _Runs(partitions, begin)

    def runs(self, parts: Mapping[bytes, bytes]) -> dict[str, OpenRun]:
        """Return what the reading gave, by partition.

        Args:
            parts: the bodies of shared parts by key.
        """
        for run in self._runs.by_partition.values():
            run.put_parts(parts)
        return self._runs.by_partition

    def scan(  # noqa: C901 - as in files/scan.py: calls cost more than branches
        self, data: bytes, identity: int, sequence: int, most: int | None
    ) -> Scanned:
        """Read frames as `scan` does, and add each record to the run that it is of.

        Returns:
            As `scan`, but for `records`, which is empty.
        """
        runs, parts = self._runs, dict[bytes, bytes]()
        last = -1 if most is None else sequence + most
        at, end = 0, len(data) - CRC_BYTES
        crc32, covered, crc_at, heads = zlib.crc32, _covered, _crc_at, SHORT_HEADS
        while at + _HEAD_BYTES <= end and data[at] == MAGIC:
            length, begin = data[at + 2], at + 3
            if length & _CONTINUES:
                length, begin = length & 0x7F | data[at + 3] << 7, at + 4
                if length >= _LONG:
                    frame = parse_frame(data, at)
                    if frame is None:
                        break
                    begin = frame.end - CRC_BYTES - (length := len(frame.payload))
            stop, kind = begin + length, data[at + 1]
            if stop > end:
                break
            payload = data[begin:stop]
            crc = crc32(payload, crc32(covered(sequence, kind), identity))
            if crc != crc_at(data, stop)[0]:
                break
            if FIRST_RECORD_KIND <= kind <= LAST_RECORD_KIND:
                run = runs[payload[NUMBER_PLACE]] if kind != UNIT else runs.of_units()
                if kind == DECISION and payload[BEGINNING] not in run.settled:
                    run.want_parts(payload)
                gap, frames = sequence - run.next, run.frames
                run.next = sequence = sequence + 1
                head = heads[kind][gap] if gap < SHORT_GAPS else head_of(kind, gap)
                frames += (head, data[at + _LENGTH_AT : stop])
            elif kind == SHARED:
                parts[payload[:PART_KEY_BYTES]] = payload[PART_KEY_BYTES:]
            elif kind == FOOTER:
                return Scanned([], parts, stop + CRC_BYTES, sequence, crc)
            else:
                break
            at = stop + CRC_BYTES
            if sequence == last:
                break
        return Scanned([], parts, at, sequence, None)


class _Runs(dict[bytes, OpenRun]):
    """The runs of one reading, by the bytes of an experiment's number."""

    def __init__(self, partitions: int, begin: Callable[[str], OpenRun]) -> None:
        super().__init__()
        self.by_partition: dict[str, OpenRun] = {}
        self._partitions = partitions
        self._begin = begin

    def __missing__(self, key: bytes) -> OpenRun:
        number = int.from_bytes(key, "big")
        run = self[key] = self._of(partition_of(number, self._partitions))
        return run

    def of_units(self) -> OpenRun:
        """Return the run of records that name no experiment."""
        return self._of(UNIT_PARTITION)

    def _of(self, partition: str) -> OpenRun:
        run = self.by_partition.get(partition)
        if run is None:
            run = self.by_partition[partition] = self._begin(partition)
        return run
