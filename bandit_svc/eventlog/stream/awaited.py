"""A log whose appends are answered for when the stream has acknowledged them.

Owns what the work of one request owes: up to which record of this worker's log the
stream must have come, and which decisions nobody sees if it does not.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from bandit_svc.domain.events.decision_id import RAW_ID_BYTES
from bandit_svc.domain.events.record import DECISION
from bandit_svc.eventlog.files.writer import FileWriter
from bandit_svc.eventlog.interface import EventLogWriter, Record


class Owed(NamedTuple):
    """What an answer waits for.

    Attributes:
        source: the partition of the worker's log.
        records: how many of its first records must be acknowledged.
        decisions: the raw ids of decisions among them that the answer tells.
    """

    source: str
    records: int
    decisions: tuple[bytes, ...]


class AwaitedLog:
    """An EventLogWriter that keeps in mind what each thread owes. Thread-safe."""

    def __init__(self, log: EventLogWriter, files: FileWriter) -> None:
        """Take the log, and the files that it writes to in the end."""
        self._log = log
        self._files = files
        self._work = threading.local()

    @property
    def partition(self) -> str:
        """The partition's name; see the interface."""
        return self._log.partition

    def append(self, record: Record) -> None:
        """Write one record; see the interface."""
        self._log.append(record)
        self._note((record,))

    def append_all(self, records: Sequence[Record]) -> None:
        """Write records; see the interface."""
        self._log.append_all(records)
        self._note(records)

    def close(self) -> None:
        """Flush and let go of the partition; idempotent."""
        self._log.close()

    def owed(self) -> Owed | None:
        """Return what this thread owes since the last call; None for nothing."""
        owed: Owed | None = getattr(self._work, "owed", None)
        self._work.owed = None
        return owed

    def _note(self, records: Sequence[Record]) -> None:
        before: Owed | None = getattr(self._work, "owed", None)
        decisions = tuple(
            r.payload[:RAW_ID_BYTES] for r in records if r.kind == DECISION
        )
        if before is not None:
            decisions = before.decisions + decisions
        self._work.owed = Owed(self._files.partition, self._files.appended, decisions)
