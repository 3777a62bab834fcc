"""What a web worker sees of the learner: through the store, and at the log's end.

Owns the comparison of the log's end with what was read of it, and how often it is
made. A learner that hangs tells nothing by itself, and the store that it fills looks
as good as before; the log, which grows on, does not. The clock is passed in.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

from bandit_svc.domain.times import has_passed
from bandit_svc.errors import BanditError
from bandit_svc.eventlog.interface import START, EventLogReader
from bandit_svc.services.checks.degraded import (
    Reason,
    learning_reasons,
    store_reason,
    unread_reason,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Cursors

LOOK_EVERY_MS = 1_000


class LearnerWatch:
    """The reasons of one worker; it looks once a second at most. Thread-safe."""

    def __init__(
        self, storage: Storage, reader: EventLogReader, read_to: Callable[[], Cursors]
    ) -> None:
        """Take what is looked at.

        Args:
            storage: the store.
            reader: of the log that this worker appends to.
            read_to: up to where that log was read.
        """
        self._storage = storage
        self._reader = reader
        self._read_to = read_to
        self._lock = threading.Lock()
        self._looked_at_ms: int | None = None
        self._reasons: tuple[Reason, ...] = ()
        self._unread: Cursors = {}
        self._unread_since_ms = 0

    def reasons(self, now_ms: int) -> tuple[Reason, ...]:
        """Return why what is decided is not learned, as seen a second ago at most.

        Args:
            now_ms: the caller's agreed time.
        """
        with self._lock:
            if has_passed(LOOK_EVERY_MS, self._looked_at_ms, now_ms):
                self._looked_at_ms = now_ms
                self._reasons = tuple(self._look(now_ms))
            return self._reasons

    def _look(self, now_ms: int) -> list[Reason]:
        try:
            self._storage.check_writable()
            kept = self._storage.clock.kept()
            cursors = self._read_to()
        except BanditError as error:
            return [store_reason(error.message_on("command"))]
        reasons = learning_reasons(kept, now_ms)
        try:
            waited_ms = self._waited_ms(cursors, now_ms)
            unread = unread_reason(self._reader.backlog_bytes(cursors), waited_ms)
        except BanditError:
            # The learner can't read it either, and keeps that as damage.
            return reasons
        return [*reasons, unread] if unread else reasons

    def _waited_ms(self, cursors: Cursors, now_ms: int) -> int:
        """Return for how long at least some record has waited to be read.

        The ends that were seen are compared with what was read until they all were
        read; only then are newer ends noted. So a log that is written without a pause,
        and read, has never waited for longer than one reading takes.
        """
        partitions = self._reader.partitions()
        waiting = {
            partition: end
            for partition, end in self._unread.items()
            if partition in partitions and cursors.get(partition, START) < end
        }
        if waiting:
            self._unread = waiting
            return max(0, now_ms - self._unread_since_ms)
        for partition in partitions:
            with suppress(BanditError):
                end = self._reader.end(partition)
                if cursors.get(partition, START) < end:
                    waiting[partition] = end
        self._unread, self._unread_since_ms = waiting, now_ms
        return 0
