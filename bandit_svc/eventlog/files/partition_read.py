"""One reading of a partition of format 2, from a cursor on.

Owns how its segments are compared with what is known of them: what is a record, what
is torn, what is not finished yet, and how many facts are lost where something is
damaged. Never writes.
"""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from bandit_svc.domain.events.damage import MOST_REMAINS_BYTES, Damage, DamageKind
from bandit_svc.domain.events.record import Record
from bandit_svc.eventlog.files.frames import (
    FOOTER,
    FOOTER_FRAME_BYTES,
    HEADER_FRAME_BYTES,
    LARGEST_HEADER_BYTES,
    MIN_FRAME_BYTES,
    could_begin,
    epoch_of,
    identity_of,
    parse_frame,
    read_footer,
    read_header,
)
from bandit_svc.eventlog.files.known import Expected, Known
from bandit_svc.eventlog.files.scan import Scan, find_next, parts_in, scan
from bandit_svc.eventlog.files.segments import segment_name
from bandit_svc.eventlog.interface import Batch, Cursor

_LEAST_BYTES: Final = 1
_UNKNOWN_RECORDS: Final = 4096
"""How many records may be missing where nothing tells how many there were."""
_NO_BOOT_ID: Final = bytes(16)
Pread = Callable[[int, int, int], bytes]
"""Returns at most so many bytes of a descriptor from an offset on."""


class PartitionRead:
    """Reads once; use a new one for each call."""

    def __init__(
        self,
        folder: Path,
        known: Known,
        segments: Collection[int],
        after: Cursor,
        *,
        alive: bool,
        boot_id: bytes,
        pread: Pread = os.pread,
    ) -> None:
        """Describe the reading.

        Args:
            known: taken before the segments were listed.
            segments: numbers of the files that are there.
            alive: whether the writer was alive before all that.
            boot_id: of the machine as it runs now.
            pread: reads bytes of a segment; a writer may write between two calls.
        """
        self._folder = folder
        self._partition = folder.name
        self._epoch = epoch_of(folder.name)
        self._known = known
        self._present = set(segments)
        self._alive = alive
        self._boot_id = boot_id
        self._pread = pread
        self._numbers = sorted(self._present | known.numbers)
        self._after = after
        self._cursor = after
        self._sequence = after.sequence
        self._records: list[Record] = []
        self._sequences: list[range] = []
        self._parts = known.parts
        self._damages: list[Damage] = []
        self._remains: dict[Damage, bytes] = {}
        self._torn = self._read = 0
        self._left_at = 0
        self._room = 0

    def run(self, max_bytes: int, scan: Scan = scan) -> Batch:
        """Return the next records; see FileReader.read."""
        self._room, self._scan = max_bytes, scan
        self._check_age()
        numbers = [n for n in self._numbers if n >= self._after.segment]
        finished = all(self._segment(number) for number in numbers)
        if finished and numbers and not self._alive:
            self._check_witnesses(numbers[-1])
        return Batch(
            self._records,
            self._cursor,
            self._torn,
            self._damages,
            self._remains,
            self._parts,
            self._sequences,
        )

    def _check_age(self) -> None:
        """Name a partition that is of before it was read up to the cursor."""
        expected = self._known.end(self._after.segment)
        if self._alive or expected.sequence is None:
            return
        # A writer that is killed may have appended one that it has not counted.
        if self._after.sequence > expected.sequence + (not expected.exact):
            number, offset, _ = self._after
            self._add("older log", number, offset, 0, b"", at_least=True)

    def _segment(self, number: int) -> bool:
        """Read one segment; return whether there is nothing more in it, for good."""
        if self._read and self._room <= 0:
            return False
        offset = self._after.offset if number == self._after.segment else 0
        final = not self._alive or number != self._numbers[-1]
        if number not in self._present:
            return self._deleted(number, offset, final=final)
        path = self._folder / segment_name(number)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return self._deleted(number, offset, final=final)
        try:
            return self._frames(descriptor, number, offset, final=final)
        except OSError as error:
            # An error of reading, unlike one of opening, does not name the file.
            error.filename = error.filename or str(path)
            raise
        finally:
            os.close(descriptor)

    def _frames(
        self, descriptor: int, number: int, offset: int, *, final: bool
    ) -> bool:
        """Read the frames of a file; return as `_segment` does."""
        identity = identity_of(self._epoch, number)
        if offset == 0:
            offset = self._header(descriptor, number, identity, final=final)
        elif not self._known.trusted:
            self._parts |= parts_in(self._pread(descriptor, offset, 0))
        wanted, most = max(self._room, _LEAST_BYTES), None
        while True:
            chunk = self._pread(descriptor, wanted, offset)
            at_end = len(chunk) < wanted
            found = self._scan(chunk, identity, self._sequence, most)
            self._records += found.records
            self._read += found.sequence - self._sequence
            self._sequences.append(range(self._sequence, found.sequence))
            self._parts |= found.parts
            self._sequence = found.sequence
            offset += found.end
            self._room -= found.end
            self._cursor = Cursor(number, offset, self._sequence)
            if found.footer_crc is not None:
                self._footer(descriptor, number, offset, found.footer_crc)
                return final
            whole = found.end == len(chunk)
            unfinished = not at_end and (whole or could_begin(chunk, found.end))
            if self._read and (unfinished or most is not None):
                return False
            if unfinished:
                # The next record is larger than what was wanted: it comes alone.
                wanted, most = 2 * wanted, 1
                continue
            rest = self._read_rest(descriptor, offset)
            if whole and not rest:
                return self._tail(number, offset, rest, final=final)
            skipped = self._resume(number, offset, rest, identity, final=final)
            if skipped is None:
                return self._tail(number, offset, rest, final=final)
            offset += skipped

    def _header(
        self, descriptor: int, number: int, identity: int, *, final: bool
    ) -> int:
        """Read the header; return the offset of the first frame after it."""
        data = self._pread(descriptor, LARGEST_HEADER_BYTES, 0)
        frame = parse_frame(data, 0)
        header = None if frame is None else read_header(frame, identity)
        if frame is None or header is None:
            first = self._known.first(number)
            if first is not None:
                self._begin(number, first)
            whole = len(data) >= HEADER_FRAME_BYTES
            if whole and (final or self._is_written(number, 0)):
                self._add("changed", number, 0, 0)
            return 0
        if header.first == self._sequence:
            self._check_footer_before(number, header.previous_crc)
        self._begin(number, header.first)
        self._room -= frame.end
        return frame.end

    def _check_footer_before(self, number: int, crc: int) -> None:
        """Compare the end of the segment before with what a header says of it.

        Where the manifest tells that end, the segment itself is compared with it.
        """
        before, manifest = number - 1, self._known.manifest
        told = manifest is not None and before in manifest.ended
        if told or before not in self._present:
            return
        if _last_footer_crc(self._folder / segment_name(before)) != crc:
            power = self._lost_power(number)
            self._add("power" if power else "changed", before, self._left_at, 0)

    def _begin(self, number: int, first: int) -> None:
        """Compare the first sequence number of a segment with where we are."""
        lost = first - self._sequence
        if lost > 0:
            what: DamageKind = "cut" if number - 1 in self._present else "deleted"
            self._add(what, number - 1, self._left_at, lost)
        self._sequence = first

    def _resume(
        self, number: int, offset: int, rest: bytes, identity: int, *, final: bool
    ) -> int | None:
        """Return how many bytes to skip to the next whole frame, None if there is none.

        Where the bytes may not have been written yet, there is none.
        """
        if not final and not self._is_written(number, offset):
            return None
        most = self._most(number, len(rest))
        found = find_next(rest, identity, self._sequence, most)
        if found is None:
            return None
        skipped, sequence = found
        if skipped == 0 and sequence == self._sequence:
            # Written since the chunk was read; the next one has it.
            return 0
        what: DamageKind = "power" if self._lost_power(number) else "changed"
        self._add(what, number, offset, sequence - self._sequence, rest[:skipped])
        self._sequence = sequence
        return skipped

    def _most(self, number: int, length: int) -> int:
        """Return the highest sequence number that a segment can have come to.

        A low one matters: a CRC is linear, so that the frames of another segment hold
        under sequence numbers of their own, somewhere in 2^32.
        """
        expected = self._known.end(number)
        if expected.sequence is None or self._lost_power(number):
            known = max(self._sequence, expected.sequence or 0)
            return known + length // MIN_FRAME_BYTES + _UNKNOWN_RECORDS
        # A writer that is killed may have appended one that it has not counted.
        return expected.sequence + (not expected.exact)

    def _is_written(self, number: int, offset: int) -> bool:
        """Return whether the live counter names whole frames at a place."""
        live = self._known.live
        return live is not None and live.segment == number and offset < live.bytes

    def _tail(self, number: int, offset: int, rest: bytes, *, final: bool) -> bool:
        """Account for what lies between the last good frame and the known end."""
        if not final and not self._is_written(number, offset):
            return False
        expected = self._known.end(number)
        lost = 0
        if expected.sequence is not None:
            lost = max(0, expected.sequence - self._sequence)
        if lost and self._lost_power(number):
            self._torn += 1
            self._add("power", number, offset, lost, rest)
        elif lost:
            whole = offset + len(rest) >= (expected.bytes or 0)
            what: DamageKind = "changed" if rest and whole else "cut"
            self._add(what, number, offset, lost, rest)
        elif rest or expected.footer_crc:
            self._surplus(number, offset, rest, expected)
        self._sequence += lost
        if final:
            self._leave(number, offset)
        else:
            self._cursor = Cursor(number, expected.bytes or offset, self._sequence)
        return final

    def _surplus(
        self, number: int, offset: int, rest: bytes, expected: Expected
    ) -> None:
        """Name what lies behind the last record, where no record is missing."""
        if expected.footer_crc:
            self._add("changed" if rest else "cut", number, offset, 0, rest)
        elif could_begin(rest, 0) or self._lost_power(number):
            self._torn += 1
        elif expected.bytes is not None and offset >= expected.bytes:
            self._add("foreign", number, offset, 0, rest)
        else:
            self._add("changed", number, offset, 0, rest, at_least=True)

    def _footer(self, descriptor: int, number: int, end: int, crc: int) -> None:
        """Compare a footer with what is known, and look behind it."""
        expected = self._known.end(number)
        lost = 0
        if expected.sequence is not None:
            lost = max(0, expected.sequence - self._sequence)
        begin = end - FOOTER_FRAME_BYTES
        frame = parse_frame(self._pread(descriptor, FOOTER_FRAME_BYTES, begin), 0)
        footer = None if frame is None else read_footer(frame.payload)
        moved = footer is None or footer.bytes != begin
        other = expected.footer_crc is not None and expected.footer_crc != crc
        named = any(damage.segment == number for damage in self._damages)
        if lost or other or (moved and not named):
            self._add("changed", number, begin, lost)
            self._sequence += lost
        behind = self._read_rest(descriptor, end)
        if behind:
            self._add("foreign", number, end, 0, behind)
        self._leave(number, end)

    def _deleted(self, number: int, offset: int, *, final: bool) -> bool:
        """Account for a segment that is not there."""
        expected = self._known.end(number)
        if expected.sequence is None:
            # The next segment tells where it ended, if there is one.
            if final and number == self._numbers[-1]:
                self._add("deleted", number, offset, 0, at_least=True)
        else:
            lost = max(0, expected.sequence - self._sequence)
            if lost:
                power = self._lost_power(number)
                self._add("power" if power else "deleted", number, offset, lost)
            self._sequence += lost
        end = max(offset, expected.bytes or 0)
        if final:
            self._leave(number, end)
        else:
            self._cursor = Cursor(number, end, self._sequence)
        return final

    def _leave(self, number: int, offset: int) -> None:
        """Go to the next segment, whether there is one yet or not."""
        self._left_at = offset
        self._cursor = Cursor(number + 1, 0, self._sequence)

    def _check_witnesses(self, last: int) -> None:
        """Name a manifest or a live counter that is missing or does not fit.

        A writer that was killed may have created a segment that neither knows yet, or
        the counter does not; there is no record in it then.
        """
        manifest, live = self._known.manifest, self._known.live
        if self._lost_power(last):
            return
        used = self._left_at > HEADER_FRAME_BYTES
        known = manifest is not None and (last in manifest.first or not used)
        if not known or not self._known.trusted:
            self._add("manifest", 0, 0, 0, at_least=live is None)
        if live is None or (used and live.segment != last):
            ended = manifest is not None and last in manifest.ended
            self._add("live counter", 0, 0, 0, at_least=not ended)

    def _lost_power(self, number: int) -> bool:
        """Return whether the machine restarted while a segment was the newest."""
        then = self._known.boot_id
        return (
            number == self._numbers[-1]
            and self._boot_id != then
            and _NO_BOOT_ID not in {then, self._boot_id}
            and then is not None
        )

    def _read_rest(self, descriptor: int, offset: int) -> bytes:
        """Return all bytes from an offset on."""
        size = os.fstat(descriptor).st_size
        return self._pread(descriptor, size - offset, offset) if size > offset else b""

    def _add(
        self,
        what: DamageKind,
        number: int,
        offset: int,
        facts: int,
        remains: bytes = b"",
        *,
        at_least: bool = False,
    ) -> None:
        size = len(remains)
        damage = Damage(self._partition, number, offset, facts, size, what, at_least)
        if self._damages and self._damages[-1].place == damage.place:
            # A damaged header, and the records behind it: one place.
            before = self._damages.pop()
            remains = remains or self._remains.get(before, b"")
            self._remains.pop(before, None)
            damage = before.with_more(damage)
        self._damages.append(damage)
        if remains:
            self._remains[damage] = remains[:MOST_REMAINS_BYTES]


def _last_footer_crc(path: Path) -> int:
    """Return the checksum of the footer that a file ends with; 0 without one."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - FOOTER_FRAME_BYTES))
        frame = parse_frame(file.read(), 0)
    return frame.crc if frame is not None and frame.kind == FOOTER else 0
