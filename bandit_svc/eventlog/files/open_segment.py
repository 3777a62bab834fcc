"""The segment that a writer appends to: its frames and what it holds so far.

Owns the numbers of one open segment, and tells them to readers. The input and output
of the segment itself is writer.py's.
"""

import zlib
from collections.abc import Sequence

from bandit_svc.domain.events.record import Part, Record
from bandit_svc.eventlog.files.frames import (
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
from bandit_svc.eventlog.files.live import LiveCounter
from bandit_svc.eventlog.files.manifest import Ended


class OpenSegment:
    """One segment of a live writer."""

    __slots__ = (
        "checksum",
        "descriptor",
        "end",
        "first",
        "identity",
        "live",
        "number",
        "parts",
        "records",
        "sequence",
    )

    def __init__(
        self, descriptor: int, number: int, epoch: int, first: int, live: LiveCounter
    ) -> None:
        self.descriptor = descriptor
        self.live = live
        """Where readers see how far it has come."""
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

    def framed(self, record: Record) -> tuple[bytes, bytes, Sequence[Part]]:
        """Return a record's frame behind those of its new parts, its checksum, these.

        Returns:
            (frames, checksum of the record's frame as bytes, new parts).
        """
        identity, sequence = self.identity, self.sequence
        data, crc = encode_frame(identity, sequence, record.kind, record.payload)
        parts, held = record.parts, self.parts
        if not parts or (len(parts) == 1 and parts[0].key in held):
            return data, crc, ()
        new = [part for part in parts if part.key not in held]
        shared = [
            encode_frame(identity, sequence, SHARED, part.key + part.body)[0]
            for part in new
        ]
        return b"".join((*shared, data)), crc, new

    def framed_all(
        self, records: Sequence[Record]
    ) -> tuple[bytes, list[tuple[int, bytes, Sequence[Part]]]]:
        """Return the frames of records one after the other, as `framed` would.

        Returns:
            (frames, for each record what `wrote` takes of it).
        """
        identity, sequence = self.identity, self.sequence
        held: set[bytes] = set()
        frames: list[bytes] = []
        each: list[tuple[int, bytes, Sequence[Part]]] = []
        for record in records:
            new = [
                part
                for part in record.parts
                if part.key not in self.parts and part.key not in held
            ]
            shared = [
                encode_frame(identity, sequence, SHARED, part.key + part.body)[0]
                for part in new
            ]
            data, crc = encode_frame(identity, sequence, record.kind, record.payload)
            held.update([part.key for part in new])
            frames += (*shared, data)
            each.append((sum(map(len, shared)) + len(data), crc, new))
            sequence += 1
        return b"".join(frames), each

    def wrote(self, size: int, crc: bytes, parts: Sequence[Part]) -> None:
        """Count a record that the kernel has taken whole.

        Args:
            size: bytes of all its frames.
            crc: the checksum of its own frame.
            parts: those that came with it.
        """
        self.end += size
        self.records += 1
        self.sequence += 1
        self.checksum = zlib.crc32(crc, self.checksum)
        for part in parts:
            self.parts.add(part.key)

    def tell_readers(self) -> bool:
        """Store how far the segment has come; return whether the page had been cut.

        Raises:
            OSError: the page was cut, and the disk has no room for it.
        """
        return self.live.set(self.number, self.first, self.records, self.end)

    def ended(self, footer_crc: int) -> Ended:
        """Return what the manifest keeps of it."""
        return Ended(self.number, self.first, self.records, self.end, footer_crc)
