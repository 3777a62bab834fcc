"""Read the partitions of the embedded event log, and delete what was committed.

Owns which of the two formats a partition is of, where it ends, and what may be
deleted. Never writes, never parses a record, and deletes only what `committed` is told
to. One learner reads and releases at a time (its lease).
"""

import contextlib
import errno
import functools
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import ParamSpec, TypeVar

from bandit_svc.domain.stream.mark import Mark
from bandit_svc.errors import LogUnreadable
from bandit_svc.eventlog.files.frames import (
    LARGEST_HEADER_BYTES,
    epoch_of,
    identity_of,
    parse_frame,
    read_header,
)
from bandit_svc.eventlog.files.inspect import inspect
from bandit_svc.eventlog.files.known import Known, KnownPartitions, ReleasedFacts
from bandit_svc.eventlog.files.lines import places, read_lines
from bandit_svc.eventlog.files.partition_read import PartitionRead
from bandit_svc.eventlog.files.scan import Scan, scan
from bandit_svc.eventlog.files.segments import (
    LINES,
    SEGMENT,
    current_boot_id,
    is_alive,
    list_partitions,
    list_segments,
    live_path,
    manifest_path,
    segment_name,
    segment_size,
)
from bandit_svc.eventlog.interface import (
    MARGIN_MS,
    START,
    Batch,
    Cursor,
    PartitionStatus,
)
from bandit_svc.eventlog.kept import KeptSegments

DEFAULT_READ_BYTES = 4_194_304
_NO_FILE = frozenset({errno.EISDIR, errno.ENOTDIR, errno.ELOOP})
"""What the system answers where something else lies in the place of a file."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def _unavailable_where_the_disk_refuses(
    method: Callable[Parameters, Result],
) -> Callable[Parameters, Result]:
    @functools.wraps(method)
    def translated(*args: Parameters.args, **named: Parameters.kwargs) -> Result:
        try:
            return method(*args, **named)
        except OSError as error:
            name = os.fsdecode(error.filename) if error.filename else "a file"
            # The data folder is the caller's; the name within it is enough.
            _, inside, rest = name.rpartition(f"{os.sep}log{os.sep}")
            raise LogUnreadable(
                f"log/{rest}" if inside else name,
                error.strerror or str(error),
                may_pass=error.errno not in _NO_FILE,
            ) from error

    return translated


class FileReader:
    """The learner's end of the files; implements EventLogReader.

    A segment is final once a later one exists or its writer is dead. Both are
    looked up before its bytes are read, so that the answer can't be too early:
    a record cut off in a final segment is torn, in any other it waits.
    """

    def __init__(
        self, root: Path, *, boot_id: bytes | None = None, keep_days: int = 0
    ) -> None:
        """Describe the reader; nothing is read yet.

        Args:
            root: the log's folder.
            boot_id: of the machine as it runs now; the kernel's where it is None.
            keep_days: for which `committed` keeps segments of format 2 elsewhere.
        """
        self._root = root
        self._kept = KeptSegments(root, keep_days)
        self._known = KnownPartitions(root)
        self._released = ReleasedFacts(root)
        self._boot_id = current_boot_id() if boot_id is None else boot_id

    @property
    def is_stream(self) -> bool:
        """False: one machine's processes write to files."""
        return False

    @_unavailable_where_the_disk_refuses
    def partitions(self) -> list[str]:
        """Names of the partitions, oldest first; one may hold no record yet."""
        return list_partitions(self._root)

    def check_formats(self) -> None:
        """Require known formats of manifests and headers; see the interface."""
        with contextlib.suppress(OSError):
            for partition in list_partitions(self._root):
                self._check_formats(partition)

    def _check_formats(self, partition: str) -> None:
        folder = self._root / partition
        with contextlib.suppress(OSError):
            self._known.of(partition)
            for number in list_segments(folder):
                # The learner may delete it at this moment.
                with contextlib.suppress(OSError):
                    with (folder / segment_name(number, SEGMENT)).open("rb") as file:
                        begin = file.read(LARGEST_HEADER_BYTES)
                    frame = parse_frame(begin, 0)
                    if frame is not None:
                        read_header(frame, identity_of(epoch_of(partition), number))

    @_unavailable_where_the_disk_refuses
    def end(self, partition: str) -> Cursor:
        """Return where the partition ends now; see the interface."""
        folder = self._root / partition
        alive = is_alive(folder)
        if lines := self._lines(partition):
            return Cursor(lines[-1], segment_size(folder, lines[-1], LINES))
        known = self._known.of(partition)
        return self._end(folder, known, list_segments(folder), alive=alive)

    def _end(
        self, folder: Path, known: Known, segments: list[int], *, alive: bool
    ) -> Cursor:
        numbers = known.numbers.union(segments)
        if not numbers:
            return START
        last = max(numbers)
        expected = known.end(last)
        if not alive:
            return Cursor(last + 1, 0, expected.sequence or 0)
        size = segment_size(folder, last)
        if expected.bytes is None or size > expected.bytes:
            return Cursor(last, size)
        return Cursor(last, expected.bytes, expected.sequence or 0)

    def read(
        self,
        partition: str,
        after: Cursor,
        max_bytes: int = DEFAULT_READ_BYTES,
        scan: Scan = scan,
    ) -> Batch:
        """Return the next records, across segments; see the interface.

        A record larger than `max_bytes` comes alone. The cursor may move although
        there are no records: past damage, or into the next segment.

        Args:
            partition: see the interface.
            after: see the interface.
            max_bytes: see the interface.
            scan: takes bytes of a segment apart; it may keep the records itself.
        """
        return self._read(partition, after, max_bytes, scan, only_new=False)[0]

    def read_new(
        self, partition: str, after: Cursor, max_bytes: int, scan: Scan
    ) -> tuple[Batch, Cursor]:
        """Return what `read` does, and what `end` did before; it costs one look less.

        Nothing is read where the cursor is at the end.
        """
        return self._read(partition, after, max_bytes, scan, only_new=True)

    @_unavailable_where_the_disk_refuses
    def _read(
        self,
        partition: str,
        after: Cursor,
        max_bytes: int,
        scan: Scan,
        *,
        only_new: bool,
    ) -> tuple[Batch, Cursor]:
        folder = self._root / partition
        alive = is_alive(folder)
        if lines := self._lines(partition):
            end = Cursor(lines[-1], segment_size(folder, lines[-1], LINES))
            return read_lines(folder, lines, after, max_bytes, alive=alive), end
        # In this order: what is known was true of the files that are listed then.
        known = self._known.of(partition)
        segments = list_segments(folder)
        end = START
        if only_new:
            end = self._end(folder, known, segments, alive=alive)
            if after >= end:
                return Batch((), after, 0), end
        reading = PartitionRead(
            folder,
            known,
            segments,
            after,
            alive=alive,
            boot_id=self._boot_id,
        )
        return reading.run(max_bytes, scan), end

    @_unavailable_where_the_disk_refuses
    def status(self) -> list[PartitionStatus]:
        """Describe every partition as it lies on disk; see the interface."""
        return inspect(self._root)

    def watermark_ms(
        self,
        now_ms: int,
        marks: Collection[Mark] = (),  # noqa: ARG002 - one clock stamps all of a machine
    ) -> int:
        """Return the time before which no append is under way; see the interface."""
        return now_ms - MARGIN_MS

    def silent(
        self,
        partition: str,  # noqa: ARG002 - a writer that is dead is seen by its lock
        now_ms: int,  # noqa: ARG002
        marks: Mapping[str, Mark],  # noqa: ARG002
    ) -> Mapping[str, Mark]:
        """Return none; see the interface."""
        return {}

    @_unavailable_where_the_disk_refuses
    def committed(self, partition: str, cursor: Cursor) -> bool:
        """Delete whole segments before a committed cursor; see the interface.

        The oldest goes first, and the manifest last, so that a release cut short
        leaves a partition that reads the same.
        """
        self._kept.prune()
        folder = self._root / partition
        alive = is_alive(folder)
        lines = self._lines(partition)
        suffix = LINES if lines else SEGMENT
        segments = lines or list_segments(folder)
        if lines:
            end = Cursor(lines[-1], segment_size(folder, lines[-1], LINES))
        else:
            known = self._known.of(partition)
            end = self._end(folder, known, segments, alive=alive)
        finished = not alive and cursor >= end
        # The last segment stays while its writer may write to it, whatever the
        # cursor says.
        for number in segments if finished else segments[:-1]:
            if number < cursor.segment or finished:
                segment = folder / segment_name(number, suffix)
                if not lines:
                    self._kept.keep(partition, segment)
                segment.unlink(missing_ok=True)
        if finished:
            # A foreign file keeps the folder; the partition has no records left.
            with contextlib.suppress(OSError):
                folder.rmdir()
            try:
                present = list_partitions(self._root)
                self._released.add(partition, cursor.sequence, present)
            except OSError:
                # A full disk, for one. Its segments are gone, and the rest can wait.
                return False
            for path_of in (manifest_path, live_path):
                witness = path_of(self._root, partition)
                self._kept.keep_witness(witness)
                witness.unlink(missing_ok=True)
            self._known.forget(partition)
        return finished

    @_unavailable_where_the_disk_refuses
    def released_facts(self, partitions: Collection[str]) -> int:
        """Return the facts of partitions that are gone; see the interface."""
        return self._released.total(partitions)

    @_unavailable_where_the_disk_refuses
    def backlog_bytes(self, cursors: dict[str, Cursor]) -> int:
        """Return the number of bytes after these cursors; see the interface."""
        total = 0
        for partition in self.partitions():
            folder = self._root / partition
            after = cursors.get(partition, START)
            lines = self._lines(partition)
            suffix = LINES if lines else SEGMENT
            for number, offset in places(lines or list_segments(folder), after):
                total += max(0, segment_size(folder, number, suffix) - offset)
        return total

    def close(self) -> None:
        """Do nothing: no file stays open between two calls."""

    def _lines(self, partition: str) -> list[int]:
        """Return the segments of format 1; none where the partition is of format 2."""
        folder = self._root / partition
        if manifest_path(self._root, partition).exists() or list_segments(folder):
            return []
        return list_segments(folder, LINES)
