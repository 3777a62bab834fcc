"""The segment that a writer appends to: its frames and what it holds so far.

Owns the numbers of one open segment. Does no input or output; writer.py does.
"""

import zlib
from collections.abc import Sequence

from bandit_svc.domain.events.packing import varint
from bandit_svc.domain.events.record import PART_KEY_BYTES, Part, Record
from bandit_svc.eventlog.files.frames import (
    CRC_BYTES,
    FOOTER,
    HEADER,
    SHARED,
    Footer,
    Header,
    encode_footer,
    encode_frame,
    encode_header,
    identity_of,
)
from bandit_svc.eventlog.files.manifest import Ended


class OpenSegment:
    """One segment of a live writer."""

    __slots__ = (
        "checksum",
        "descriptor",
        "end",
        "first",
        "identity",
        "number",
        "parts",
        "records",
        "sequence",
    )

    def __init__(self, descriptor: int, number: int, epoch: int, first: int) -> None:
        self.descriptor = descriptor
        self.number = number
        self.identity = identity_of(epoch, number)
        self.first = first
        """Sequence number of its first record."""
        self.sequence = first
        """Sequence number of the record that comes next."""
        self.records = 0
        self.end = 0
        """Its length, as far as we wrote it."""
        self.checksum = 0
        """CRC-32 over the checksums of its records."""
        self.parts: set[bytes] = set()
        """Keys of the shared parts that it holds."""

    def header(self, epoch: int, previous_crc: int, boot_id: bytes) -> bytes:
        """Return the first frame."""
        header = Header(epoch, self.number, self.first, previous_crc, boot_id)
        data, _ = encode_frame(self.identity, 0, HEADER, encode_header(header))
        return data

    def footer(self) -> tuple[bytes, int]:
        """Return the last frame and its checksum."""
        footer = encode_footer(Footer(self.records, self.end, self.checksum))
        data, crc = encode_frame(self.identity, self.sequence, FOOTER, footer)
        return data, int.from_bytes(crc, "little")

    def new_parts(self, record: Record) -> Sequence[Part]:
        """Return the parts of a record that this segment lacks."""
        parts, held = record.parts, self.parts
        if not parts or (len(parts) == 1 and parts[0].key in held):
            return ()
        return [part for part in parts if part.key not in held]

    def has_room(self, record: Record, most: int) -> bool:
        """Return whether the segment with a record holds at most `most` bytes."""
        size = _frame_bytes(len(record.payload))
        for part in self.new_parts(record):
            size += _frame_bytes(PART_KEY_BYTES + len(part.body))
        return self.end + size <= most

    def frames(self, record: Record, parts: Sequence[Part]) -> bytes:
        """Return the frame of a record, behind those of parts."""
        data, _ = encode_frame(
            self.identity, self.sequence, record.kind, record.payload
        )
        for part in reversed(parts):
            content = part.key + part.body
            framed, _ = encode_frame(self.identity, self.sequence, SHARED, content)
            data = framed + data
        return data

    def wrote(self, data: bytes, parts: Sequence[Part]) -> None:
        """Count a record that the kernel has taken whole."""
        self.end += len(data)
        self.records += 1
        self.sequence += 1
        self.checksum = zlib.crc32(data[-CRC_BYTES:], self.checksum)
        for part in parts:
            self.parts.add(part.key)

    def ended(self, footer_crc: int) -> Ended:
        """Return what the manifest keeps of it."""
        return Ended(self.number, self.first, self.records, self.end, footer_crc)


def _frame_bytes(payload: int) -> int:
    """Return the length of a frame around a payload of so many bytes."""
    return 2 + len(varint(payload)) + payload + 4
