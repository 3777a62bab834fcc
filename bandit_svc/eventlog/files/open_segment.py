"""The segment that a writer appends to: its frames and what it holds so far.

Owns the numbers of one open segment. Does no input or output; writer.py does.
"""

import zlib
from collections.abc import Sequence

from bandit_svc.domain.events.record import Part, Record
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

    def framed(self, record: Record) -> tuple[bytes, Sequence[Part]]:
        """Return the frame of a record behind those of its new parts, and these."""
        identity, sequence = self.identity, self.sequence
        data, _ = encode_frame(identity, sequence, record.kind, record.payload)
        parts, held = record.parts, self.parts
        if not parts or (len(parts) == 1 and parts[0].key in held):
            return data, ()
        new = [part for part in parts if part.key not in held]
        shared = [
            encode_frame(identity, sequence, SHARED, part.key + part.body)[0]
            for part in new
        ]
        return b"".join((*shared, data)), new

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
