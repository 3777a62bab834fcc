"""Ask for files of the archive when they are due.

Owns the pauses between two looks and after a fault. Writing is a job (jobs.py), so that
neither a tick nor a request waits for the archive, and one that is missing keeps nobody
from deciding and learning.
"""

from collections.abc import Iterable, Sequence
from os import urandom

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.times import has_passed
from bandit_svc.errors import Conflict
from bandit_svc.services.archiving.archive_joined import MOST_ROWS
from bandit_svc.services.archiving.retention import droppable
from bandit_svc.services.managing.jobs import ID_BYTES
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import ARCHIVE, JobRow

LOOK_EVERY_MS = 10_000
RETRY_MS = 60_000
"""After a fault one experiment is tried so often; the others wait for it."""
_MOST_QUEUED = 10


class ArchiveState(msgspec.Struct, frozen=True):
    """How far the archive is.

    Attributes:
        lag_s: seconds since the oldest day that it lacks was over; 0 for none.
        fault: why the last try failed, in a sentence; None if it did not.
    """

    lag_s: float = 0.0
    fault: str | None = None


class Archiving:
    """Looks after the archive of a store. The caller holds the learner's lease."""

    def __init__(self, storage: Storage, keep_days: int) -> None:
        self._storage = storage
        self._keep_days = keep_days
        self._asked: dict[int, str] = {}
        self._looked_at_ms: int | None = None
        self._failed_at_ms: int | None = None
        self._fault: str | None = None

    def look(
        self, experiments: Sequence[Experiment], now_ms: int
    ) -> ArchiveState | None:
        """Queue what is due; None where it is not yet time to look again."""
        if not has_passed(LOOK_EVERY_MS, self._looked_at_ms, now_ms):
            return None
        self._looked_at_ms = now_ms
        self._follow(now_ms)
        archived = self._storage.archived
        due = [
            experiment.number
            for experiment in experiments
            if archived.waits(experiment.number, now_ms, MOST_ROWS)
        ]
        since = (archived.due_since_ms(number, now_ms) for number in due)
        oldest_ms = min((at for at in since if at is not None), default=now_ms)
        due += [
            experiment.number
            for experiment in experiments
            if experiment.number not in due
            and droppable(self._storage, experiment, now_ms, self._keep_days)
        ]
        if self._fault is None:
            self._ask(due, now_ms)
        elif has_passed(RETRY_MS, self._failed_at_ms, now_ms):
            self._ask(due[:1], now_ms)
        return ArchiveState(max(0, now_ms - oldest_ms) / 1000, self._fault)

    def _follow(self, now_ms: int) -> None:
        """Take note of what came of the jobs."""
        for number, job_id in [*self._asked.items()]:
            row = self._storage.jobs.get(number, job_id)
            if row is not None and row.finished_at_ms is None:
                continue
            del self._asked[number]
            self._fault = None if row is None else row.error
            if self._fault is not None:
                self._failed_at_ms = now_ms

    def _ask(self, due: Iterable[int], now_ms: int) -> None:
        for number in due:
            if number in self._asked:
                continue
            request = {"now_ms": now_ms}
            row = JobRow(urandom(ID_BYTES).hex(), number, ARCHIVE, request, now_ms)
            try:
                self._storage.jobs.add(row, _MOST_QUEUED)
            except Conflict:
                continue
            self._asked[number] = row.id
