"""Append records to one partition of the embedded event log.

Owns the write path: one `write` a record, rotation, fsync, and what happens when
the disk refuses. Knows nothing of what a record means, and never reads or deletes
one. A failed append leaves nothing behind that a reader would take for a record.

Create a writer after the fork of its process: the lock that says "alive" belongs
to the open folder, which a forked child shares. (As a safety net, a child's copy
is closed at the fork, and its `append` raises Unavailable.)
"""

import contextlib
import ctypes
import errno
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.files.partition import PartitionFolder
from bandit_svc.eventlog.interface import FsyncMode

_NONE = -1
_LIBC = ctypes.PyDLL(None, use_errno=True)
_LIBC.write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_LIBC.write.restype = ctypes.c_ssize_t


OnFailure = Callable[[], None]


def _ignore() -> None:
    """Do nothing: the default where nobody counts."""


class FileWriter:
    """One process's partition; implements EventLogWriter.

    A record that was appended survives the death of the process in every mode.
    The mode decides what a power loss can take: `never`, what the kernel had not
    written yet (about 30 s); `interval`, the last `fsync_interval_ms`; `always`,
    nothing, at the price of one fsync, under a lock, for each append.

    When a background fsync fails, the kernel may have dropped what it could not
    write, and a second fsync would report success. So the failure is reported to
    `on_fsync_failure`, and the next append moves to a new segment, which it must be
    able to fsync before it writes; while that fails, appends raise Unavailable.
    """

    def __init__(  # Settings, clock and randomness come from the caller.
        self,
        root: Path,
        *,
        now_ms: int,
        suffix: str,
        fsync: FsyncMode,
        fsync_interval_ms: int,
        max_segment_bytes: int,
        on_fsync_failure: OnFailure = _ignore,
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
        """
        self._folder = PartitionFolder(
            root, now_ms=now_ms, suffix=suffix, durable=fsync != "never"
        )
        self._fsync = fsync
        self._interval_s = fsync_interval_ms / 1000
        self._max_bytes = max_segment_bytes
        self._lock = threading.Lock()
        self._segment = _NONE
        self._end = 0
        self._dirty = False
        self._doubtful = False
        self._closed = False
        self._retired: list[int] = []
        self._on_fsync_failure = on_fsync_failure
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        _writers.add(self)

    @property
    def partition(self) -> str:
        """The partition's name; it changes only if its folder is deleted."""
        return self._folder.name

    def append(self, record: bytes) -> None:
        """Write one record; see the interface.

        In mode `always`, a record whose fsync failed was written whole and may be
        read although Unavailable was raised: a reader may have seen it already.

        Raises:
            Unavailable: the disk refused, or the writer is closed.
            ValueError: the record contains a newline byte.
        """
        if b"\n" in record:
            raise ValueError("a record contains a newline byte, which ends a record")
        line = record + b"\n"
        with self._lock:
            try:
                self._make_room(len(line))
                self._write(line)
            except OSError as error:
                raise Unavailable(
                    f"The event log can't be written ({error.strerror or error}); "
                    "send the request again."
                ) from error

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
        self._sync()
        with self._lock:
            self._let_go()

    def _make_room(self, size: int) -> None:
        """Have a segment that exists, is trusted and can take `size` bytes."""
        if self._closed:
            raise Unavailable("The event log of this process is closed.")
        if self._segment < 0 or self._doubtful:
            self._start_segment()
        elif os.fstat(self._segment).st_nlink == 0:
            self._retire()
            raise FileNotFoundError(
                errno.ENOENT, "the current segment was deleted by somebody else"
            )
        elif self._end and self._end + size > self._max_bytes:
            self._start_segment()

    def _write(self, line: bytes) -> None:
        segment = self._segment
        try:
            _write_all(segment, line)
            self._end += len(line)
        except OSError as error:
            self._undo(error)
            raise
        except BaseException:
            # A signal handler raised: what was written is unknown, so whatever
            # is half there becomes the torn end of a segment that is left.
            self._retire()
            raise
        match self._fsync:
            case "interval":
                self._dirty = True
            case "always":
                self._sync_now(segment)
            case "never":
                pass
            case _:
                assert_never(self._fsync)

    def _sync_now(self, segment: int) -> None:
        if not _try_fsync(segment):
            self._doubtful = True
            self._on_fsync_failure()
            raise OSError(errno.EIO, "the disk could not confirm the write")

    def _undo(self, error: OSError) -> None:
        """Cut a partial record off, or leave the segment if even that fails.

        Only bytes after the last good end are cut. They hold no newline, so no
        reader's cursor has passed them.
        """
        try:
            os.ftruncate(self._segment, self._end)
        except OSError:
            self._retire()
        else:
            # A file at the size limit of its process or file system stays there;
            # a new one has room.
            if error.errno == errno.EFBIG and self._end:
                self._retire()

    def _start_segment(self) -> None:
        """Create the next segment and make it the current one."""
        if self._fsync == "interval" and self._thread is None:
            self._start_thread()
        segment = self._folder.open_next_segment()
        self._retire()
        self._segment = segment
        self._end = 0
        self._doubtful = False

    def _retire(self) -> None:
        """Leave the current segment; the fsync thread flushes and closes it."""
        if self._segment < 0:
            return
        if self._fsync == "interval":
            self._retired.append(self._segment)
        else:
            os.close(self._segment)
        self._segment = _NONE
        self._end = 0

    def _let_go(self) -> None:
        """Close every descriptor, and with the folder's the lock."""
        for descriptor in (*self._retired, self._segment):
            if descriptor >= 0:
                os.close(descriptor)
        self._retired = []
        self._segment = _NONE
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
            current = [self._segment] if self._dirty and self._segment >= 0 else []
            self._dirty = False
        failures = sum(not _try_fsync(segment) for segment in (*retired, *current))
        for segment in retired:
            os.close(segment)
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
            self._let_go()


def _write_all(descriptor: int, line: bytes) -> None:
    """Write a line; a short write is asked again, since that tells its reason."""
    written = _write(descriptor, line)
    while written < len(line):
        more = os.write(descriptor, line[written:])
        if more == 0:
            raise OSError(errno.EIO, "the disk takes no more bytes")
        written += more


def _write(descriptor: int, line: bytes) -> int:
    """Write as os.write does, but without letting go of the interpreter's lock.

    Copying a line to the kernel's memory takes less time than handing the lock to
    another thread, which would next wait for the writer's own lock.
    """
    written = int(_LIBC.write(descriptor, line, len(line)))
    if written < 0:
        number = ctypes.get_errno()
        if number == errno.EINTR:
            return 0
        raise OSError(number, os.strerror(number))
    return written


def _try_fsync(descriptor: int) -> bool:
    try:
        os.fsync(descriptor)
    except OSError:
        return False
    return True


_writers: weakref.WeakSet[FileWriter] = weakref.WeakSet()


def _abandon_all_in_child() -> None:
    for writer in _writers:
        writer._abandon_in_child()  # noqa: SLF001 (the hook is this class's own)


os.register_at_fork(after_in_child=_abandon_all_in_child)
