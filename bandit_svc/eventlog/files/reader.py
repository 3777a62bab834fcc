"""Read the partitions of the embedded event log, and delete what was committed.

Owns how half-written files look to the learner: what is a record, what is torn,
what is not finished yet. Never writes, never parses a record, and deletes only
what `release` is told to. One learner reads and releases at a time (its lease).
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.segments import (
    is_alive,
    list_partitions,
    list_segments,
    segment_name,
    segment_size,
)
from bandit_svc.eventlog.interface import START, Batch, Cursor

DEFAULT_READ_BYTES = 4_194_304
_LONG_LINE_STEP = 1_048_576


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _Lines(NamedTuple):
    """Whole lines of one segment, and how it ended."""

    records: list[bytes]
    end: int
    """Offset after the last whole line."""
    tail: int
    """Bytes after `end` without a newline; 0 unless `exhausted`."""
    exhausted: bool
    """True if the file ends here for now."""


def _unavailable_where_the_disk_refuses(
    method: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    @functools.wraps(method)
    def translated(*args: Parameters.args, **named: Parameters.kwargs) -> Result:
        try:
            return method(*args, **named)
        except OSError as error:
            raise Unavailable(
                f"The event log can't be read ({error.strerror or error}); send the "
                "request again."
            ) from error

    return translated


class FileReader:
    """The learner's end of the files; implements EventLogReader.

    A segment is final once a later one exists or its writer is dead. Both are
    looked up before its bytes are read, so that the answer can't be too early:
    a line cut off in a final segment is torn, in any other it waits.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @_unavailable_where_the_disk_refuses
    def partitions(self) -> list[str]:
        """Names of the partitions, oldest first; one may hold no record yet."""
        return list_partitions(self._root)

    @_unavailable_where_the_disk_refuses
    def end(self, partition: str) -> Cursor:
        """Where the partition ends now; see the interface."""
        folder = self._root / partition
        segments = list_segments(folder)
        if not segments:
            return START
        return Cursor(segments[-1], segment_size(folder, segments[-1]))

    @_unavailable_where_the_disk_refuses
    def read(
        self, partition: str, after: Cursor, max_bytes: int = DEFAULT_READ_BYTES
    ) -> Batch:
        """Return the next records, across segments; see the interface.

        A record larger than `max_bytes` comes alone. The cursor may move although
        there are no records: past a torn line, or into the next segment.
        """
        folder = self._root / partition
        alive = is_alive(folder)
        segments = list_segments(folder)
        records: list[bytes] = []
        cursor, torn, room = after, 0, max_bytes
        for number, offset in _places(segments, after):
            path = folder / segment_name(number)
            lines = _read_lines(path, offset, room, at_least_one=not records)
            records += lines.records
            cursor = Cursor(number, lines.end)
            final = not alive or number != segments[-1]
            if lines.tail and final:
                torn += 1
                cursor = Cursor(number, lines.end + lines.tail)
            room -= lines.end - offset
            if not lines.exhausted or room <= 0:
                break
        return Batch(records, cursor, torn)

    @_unavailable_where_the_disk_refuses
    def release(self, partition: str, before: Cursor) -> bool:
        """Delete whole segments before a committed cursor; see the interface.

        The oldest goes first, so that a release cut short leaves a partition that
        reads the same.
        """
        folder = self._root / partition
        alive = is_alive(folder)
        segments = list_segments(folder)
        finished = not alive and (
            not segments
            or before >= Cursor(segments[-1], segment_size(folder, segments[-1]))
        )
        # The last segment stays while its writer may write to it, whatever the
        # cursor says.
        for number in segments if finished else segments[:-1]:
            if number < before.segment or finished:
                (folder / segment_name(number)).unlink(missing_ok=True)
        if finished:
            # A foreign file keeps the folder; the partition has no records left.
            with contextlib.suppress(OSError):
                folder.rmdir()
        return finished

    @_unavailable_where_the_disk_refuses
    def backlog_bytes(self, cursors: dict[str, Cursor]) -> int:
        """Return the number of bytes after these cursors; see the interface."""
        total = 0
        for partition in self.partitions():
            folder = self._root / partition
            after = cursors.get(partition, START)
            for number, offset in _places(list_segments(folder), after):
                total += max(0, segment_size(folder, number) - offset)
        return total


def _places(segments: list[int], after: Cursor) -> Iterator[tuple[int, int]]:
    """Yield the segments from a cursor on, each with the offset to begin at.

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
    """Read the whole lines within `max_bytes`, or else one that is larger."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return _Lines([], offset, 0, exhausted=True)
    try:
        wanted = max(1, max_bytes)
        chunk = os.pread(descriptor, wanted, offset)
        if at_least_one and len(chunk) == wanted and b"\n" not in chunk:
            return _read_long_line(descriptor, offset, chunk)
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
