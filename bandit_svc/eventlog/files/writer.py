"""Append records to one partition of the embedded event log.

Owns the write path: one `write` a record, rotation, fsync, and what happens when
the disk refuses. Knows nothing of what a record means, and never reads or deletes
one. A failed append leaves nothing behind that a reader would take for a record.

Create a writer after the fork of its process: the lock that says "alive" belongs
to the open folder, which a forked child shares. (A child's copy is closed.)
"""

import contextlib
import errno
import os
import stat
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from bandit_svc.domain.events.record import Record
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.disk.writing import try_fsync, write_all
from bandit_svc.eventlog.files.group_commit import GroupCommit, Ticket
from bandit_svc.eventlog.files.open_segment import OpenSegment
from bandit_svc.eventlog.files.partition import PartitionFolder
from bandit_svc.eventlog.interface import FsyncMode

Notify = Callable[[], None]
_Written = TypeVar("_Written")


class FileWriter:
    """One process's partition; implements EventLogWriter.

    A record that was appended survives the death of the process in every mode.
    The mode decides what a power loss can take: `never`, what the kernel had not
    written yet (about 30 s); `interval`, the last `fsync_interval_ms`; `always`,
    nothing: an append waits for an fsync, which the appends of other threads share.

    When a background fsync fails, the kernel may have dropped what it could not
    write, and a second fsync would report success. So `on_fsync_failure` is called, and
    the next append moves to a new segment, which it must be able to fsync first.
    """

    def __init__(  # noqa: PLR0913 - settings, clock, randomness and two counters
        self,
        root: Path,
        *,
        now_ms: int,
        suffix: str,
        fsync: FsyncMode,
        fsync_interval_ms: int,
        max_segment_bytes: int,
        on_fsync_failure: Notify = lambda: None,
        on_foreign_change: Notify = lambda: None,
    ) -> None:
        """Describe the writer; nothing is created before the first append.

        Args:
            root: the log's folder; created if its parent exists.
            now_ms: milliseconds since the epoch, for the partition's name.
            suffix: random text of a few hex digits, for the partition's name.
            fsync: what a power loss can take; see the class.
            fsync_interval_ms: used by the mode `interval` only.
            max_segment_bytes: a record that would pass it starts a new segment.
            on_fsync_failure: called at each fsync that failed, perhaps from the
                background thread: acknowledged records may not survive a power loss.
            on_foreign_change: called at each segment that is left because another
                program has cut it, appended to it or deleted it, and at each live
                counter that was cut.
        """
        self._folder = PartitionFolder(
            root, now_ms=now_ms, suffix=suffix, durable=fsync != "never"
        )
        self._fsync = fsync
        self._interval_s = fsync_interval_ms / 1000
        self._max_bytes = max_segment_bytes
        self._lock = threading.Lock()
        self._segment: OpenSegment | None = None
        self._commits: GroupCommit | None = None
        self._sequence = 0
        self._previous_crc = 0
        self._dirty = False
        self._doubtful = False
        self._closed = False
        self._retired: list[int] = []
        self._on_fsync_failure = on_fsync_failure
        self._on_foreign_change = on_foreign_change
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        _writers.add(self)

    @property
    def partition(self) -> str:
        """The partition's name; it changes only if its folder is deleted."""
        return self._folder.name

    @property
    def appended(self) -> int:
        """Return the sequence number of the record that comes next."""
        segment = self._segment
        return self._sequence if segment is None else segment.sequence

    def append(self, record: Record) -> None:
        """Write one record, with the parts that it needs; see the interface.

        In mode `always`, a record whose fsync failed was written whole and may be
        read although Unavailable was raised: a reader may have seen it already.

        Raises:
            Unavailable: the disk refused, or the writer is closed.
        """
        self._made_durable(self._write, record)

    def append_all(self, records: Sequence[Record]) -> None:
        """Write records at once, and wait once for the disk; see the interface."""
        if records:
            self._made_durable(self._write_many, records)

    def close(self) -> None:
        """Flush, and let go of the partition; the reader then sees it as dead."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        self._stop.set()
        if thread is not None:
            thread.join()
        with self._lock:
            self._finish(in_good_order=not self._doubtful)
            with contextlib.suppress(OSError):
                self._folder.manifest.write()
        self._sync()
        with self._lock:
            self._let_go()

    def _made_durable(self, write: Callable[[_Written], None], what: _Written) -> None:
        with self._lock:
            try:
                write(what)
            except OSError as error:
                raise _refused(error.strerror or str(error)) from error
            commits = self._commits
            if commits is None:
                return
            ticket = commits.enter()
        self._await(commits, ticket)

    def _write(self, record: Record) -> None:
        # Three quarters of what a record costs is here: each call less is a percent.
        segment = self._current()
        data, crc, parts = segment.framed(record)
        size = len(data)
        if segment.end + size > self._max_bytes and segment.records:
            segment = self._start_segment()
            data, crc, parts = segment.framed(record)
            size = len(data)
        for part in parts:
            self._folder.manifest.add_part(part)
        self._put(segment, data)
        segment.wrote(size, crc, parts)
        self._tell_readers(segment)

    def _write_many(self, records: Sequence[Record]) -> None:
        segment = self._current()
        data, framed = segment.framed_all(records)
        if segment.end + len(data) > self._max_bytes and segment.records:
            segment = self._start_segment()
            data, framed = segment.framed_all(records)
        for _, _, parts in framed:
            for part in parts:
                self._folder.manifest.add_part(part)
        self._put(segment, data)
        for size, crc, parts in framed:
            segment.wrote(size, crc, parts)
        self._tell_readers(segment)

    def _current(self) -> OpenSegment:
        """Return the segment to write to, which nobody else has changed."""
        segment = self._segment
        if segment is None or self._doubtful or self._closed:
            return self._start_segment()
        found = os.fstat(segment.descriptor)
        if found.st_size != segment.end or not found.st_nlink:
            return self._after_foreign_change(segment, found)
        return segment

    def _put(self, segment: OpenSegment, data: bytes) -> None:
        """Write frames, all of them or none."""
        try:
            write_all(segment.descriptor, data)
        except OSError as error:
            self._undo(segment, error)
            raise
        except BaseException:
            # A signal handler raised: what was written is unknown, so whatever
            # is half there becomes the torn end of a segment that is left.
            self._finish(in_good_order=False)
            raise

    def _tell_readers(self, segment: OpenSegment) -> None:
        self._dirty = True
        try:
            if segment.tell_readers():
                self._on_foreign_change()
        except OSError:
            self._finish(in_good_order=True)
            raise

    def _after_foreign_change(
        self, segment: OpenSegment, found: os.stat_result
    ) -> OpenSegment:
        """Return a segment to write to, where the open one is not as we left it.

        Raises:
            FileNotFoundError: it was deleted, and with it perhaps the partition.
        """
        if found.st_nlink and not stat.S_ISREG(found.st_mode):
            return segment
        # The manifest keeps what it held.
        self._on_foreign_change()
        self._finish(in_good_order=False)
        if found.st_nlink == 0:
            raise FileNotFoundError(
                errno.ENOENT, "the current segment was deleted by somebody else"
            )
        return self._start_segment()

    def _await(self, commits: GroupCommit, ticket: Ticket) -> None:
        """Wait until the disk has confirmed what this thread has written."""
        if commits.wait(ticket):
            return
        with self._lock:
            if self._commits is commits:
                self._doubtful = True
        raise _refused("the disk could not confirm the write")

    def _undo(self, segment: OpenSegment, error: OSError) -> None:
        """Cut a partial record off, or leave the segment if even that fails.

        Only bytes after the last good end are cut. They are no whole frame, so no
        reader's cursor has passed them.
        """
        try:
            os.ftruncate(segment.descriptor, segment.end)
        except OSError:
            self._finish(in_good_order=False)
        else:
            # A file at the size limit of its process or file system stays there;
            # a new one has room.
            if error.errno == errno.EFBIG and segment.records:
                self._finish(in_good_order=False)

    def _start_segment(self) -> OpenSegment:
        """Create the next segment and make it the current one."""
        if self._closed:
            raise Unavailable("The event log of this process is closed.")
        if self._fsync == "interval" and self._thread is None:
            self._start_thread()
        partition = self._folder.name
        descriptor = self._folder.open_next_segment()
        if self._folder.name != partition:
            # The old partition is gone, and its manifest is not ours any more.
            self._drop()
            self._sequence = self._previous_crc = 0
        self._finish(in_good_order=not self._doubtful)
        folder = self._folder
        segment = OpenSegment(
            descriptor, folder.number, folder.epoch, self._sequence, folder.live
        )
        manifest = folder.manifest
        try:
            if folder.live.restore():
                self._on_foreign_change()
            header = segment.header(folder.epoch, self._previous_crc, folder.boot_id)
            write_all(descriptor, header)
            segment.end = len(header)
            manifest.owe_opened(segment.number, segment.first)
            try:
                manifest.write(durably=self._fsync != "never")
            except OSError:
                manifest.forget_newest()
                raise
        except OSError:
            folder.take_back(descriptor)
            raise
        if segment.tell_readers():
            self._on_foreign_change()
        self._segment = segment
        if self._fsync == "always":
            self._commits = GroupCommit(descriptor, self._on_fsync_failure)
        self._doubtful = False
        return segment

    def _finish(self, *, in_good_order: bool) -> None:
        """Leave the current segment; the fsync thread flushes and closes it."""
        segment = self._segment
        if segment is None:
            return
        self._sequence, self._previous_crc = segment.sequence, 0
        if in_good_order:
            footer, footer_crc = segment.footer()
            try:
                write_all(segment.descriptor, footer)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(segment.descriptor, segment.end)
            else:
                self._previous_crc = footer_crc
                self._dirty = True
        self._folder.manifest.owe_ended(segment.ended(self._previous_crc))
        self._drop()

    def _drop(self) -> None:
        """Let go of the current segment without a word in the manifest."""
        segment, self._segment = self._segment, None
        if segment is None:
            return
        commits, self._commits = self._commits, None
        if commits is not None:
            # Threads may still wait for its fsync.
            commits.retire()
        elif self._fsync == "interval":
            self._retired.append(segment.descriptor)
        else:
            os.close(segment.descriptor)

    def _let_go(self) -> None:
        """Close every descriptor, and with the folder's the lock."""
        self._drop()
        for descriptor in self._retired:
            os.close(descriptor)
        self._retired = []
        self._folder.close()

    def _start_thread(self) -> None:
        """Start the fsync thread; as late as this, so that no fork loses it."""
        thread = threading.Thread(
            target=self._sync_until_stopped, name="eventlog-fsync", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, str(error)) from error
        self._thread = thread

    def _sync_until_stopped(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._sync()

    def _sync(self) -> None:
        """Flush what was appended since the last call.

        Works outside the lock, so that appends go on meanwhile. Only this method,
        and `close` after the thread has ended, close a descriptor in the mode
        `interval`, so none of these is stale.
        """
        with self._lock:
            retired, self._retired = self._retired, []
            segment = self._segment
            current = [segment.descriptor] if self._dirty and segment else []
            self._dirty = False
        failures = sum(not try_fsync(one) for one in (*retired, *current))
        for descriptor in retired:
            os.close(descriptor)
        if failures:
            with self._lock:
                self._doubtful = True
        for _ in range(failures):
            self._on_fsync_failure()

    def _abandon_in_child(self) -> None:
        """Close a forked child's copy, so that it can't keep the lock alive."""
        self._lock = threading.Lock()
        self._closed = True
        with contextlib.suppress(OSError):
            if self._commits is not None:
                # Its lock may be held for ever by a thread that the child lacks.
                self._commits.abandon()
                self._commits = self._segment = None
            self._let_go()


def _refused(reason: str) -> Unavailable:
    return Unavailable(
        f"The event log can't be written ({reason}); send the request again."
    )


_writers: weakref.WeakSet[FileWriter] = weakref.WeakSet()


def _abandon_all_in_child() -> None:
    for writer in _writers:
        writer._abandon_in_child()  # noqa: SLF001 (the hook is this class's own)


os.register_at_fork(after_in_child=_abandon_all_in_child)
