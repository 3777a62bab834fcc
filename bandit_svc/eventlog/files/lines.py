"""Read a partition of format 1: one JSON document a line, in `.jsonl` segments.

Owns how half-written lines look to the learner: what is a record, what is torn, what
is not finished yet. Nothing writes this format any more.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bandit_svc.domain.events.record import LINE, Record
from bandit_svc.eventlog.files.segments import LINES, segment_name
from bandit_svc.eventlog.interface import Batch, Cursor

_LONG_LINE_STEP = 1_048_576


class _Lines(NamedTuple):
    """What one segment gave: whole lines, and how it ended."""

    records: list[bytes]
    end: int
    """Offset after the last whole line."""
    tail: int
    """Bytes after `end` without a newline; 0 unless `exhausted`."""
    exhausted: bool
    """Whether the file ends here, at least for now."""


def read_lines(
    folder: Path,
    segments: list[int],
    after: Cursor,
    max_bytes: int,
    *,
    alive: bool,
) -> Batch:
    """Return the next records, across segments; see EventLogReader.read.

    A record larger than `max_bytes` comes alone. The cursor may move although
    there are no records: past a torn line, or into the next segment.
    """
    lines: list[bytes] = []
    cursor, torn, room = after, 0, max_bytes
    for number, offset in places(segments, after):
        path = folder / segment_name(number, LINES)
        found = _read_lines(path, offset, room, at_least_one=not lines)
        lines += found.records
        cursor = Cursor(number, found.end)
        final = not alive or number != segments[-1]
        if found.tail and final:
            torn += 1
            cursor = Cursor(number, found.end + found.tail)
        room -= found.end - offset
        if not found.exhausted or room <= 0:
            break
    return Batch([Record(LINE, line) for line in lines], cursor, torn)


def places(segments: list[int], after: Cursor) -> Iterator[tuple[int, int]]:
    """Return the segments from a cursor on, each with the offset to begin at.

    Where the cursor's own segment was deleted, everything in it had been read.
    """
    for number in segments:
        if number == after.segment:
            yield number, after.offset
        elif number > after.segment:
            yield number, 0


def _read_lines(
    path: Path, offset: int, max_bytes: int, *, at_least_one: bool
) -> _Lines:
    """Read whole lines from an offset on, and see how the file ends."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return _Lines([], offset, 0, exhausted=True)
    try:
        wanted = max(1, max_bytes)
        chunk = os.pread(descriptor, wanted, offset)
        if at_least_one and len(chunk) == wanted and b"\n" not in chunk:
            return _read_long_line(descriptor, offset, chunk)
    except OSError as error:
        # An error of reading, unlike one of opening, does not name the file.
        error.filename = error.filename or str(path)
        raise
    finally:
        os.close(descriptor)
    exhausted = len(chunk) < wanted
    last = chunk.rfind(b"\n")
    tail = len(chunk) - last - 1 if exhausted else 0
    if last < 0:
        return _Lines([], offset, tail, exhausted)
    return _Lines(chunk[:last].split(b"\n"), offset + last + 1, tail, exhausted)


def _read_long_line(descriptor: int, offset: int, begun: bytes) -> _Lines:
    """Finish the line that `begun` begins, and read no other."""
    parts = [begun]
    length = len(begun)
    while more := os.pread(descriptor, _LONG_LINE_STEP, offset + length):
        newline = more.find(b"\n")
        if newline >= 0:
            parts.append(more[:newline])
            end = offset + length + newline + 1
            return _Lines([b"".join(parts)], end, 0, exhausted=False)
        parts.append(more)
        length += len(more)
    return _Lines([], offset, length, exhausted=True)
