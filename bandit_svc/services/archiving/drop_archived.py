"""Let the store drop joined decisions that the archive has.

Owns the order of the steps: the file is compared with the store and read back; then it
is kept that the archive alone has its positions; then their rows go, a few at a time.
Killed at any place, the next call goes on.
"""

from typing import Final

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.limits import DECISION_LIFETIME_MS
from bandit_svc.errors import Unprocessable
from bandit_svc.services.archiving.faults import missing_or_altered
from bandit_svc.services.archiving.files import ExperimentFiles, OnProgress, writing
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.archiving.retention import KEPT, droppable
from bandit_svc.storage.archive.archived import Archived

AT_ONCE: Final = 200
"""Positions of a transaction, which keeps the learner from writing for some 10 ms."""
_IDS_AT_ONCE: Final = 2_000


def drop_archived(
    ports: ArchivePorts,
    experiment: Experiment,
    now_ms: int,
    keep_days: int,
    on_progress: OnProgress = lambda _done, _total: None,
    kept: int = KEPT,
) -> int:
    """Drop what is older than the retention; return of how many positions.

    Args:
        ports: the store and the archive.
        experiment: whose decisions.
        now_ms: the time.
        keep_days: of the retention; 0 keeps all.
        on_progress: told, after each transaction, the positions done and all of them.
        kept: the newest positions that stay, one at least.

    Raises:
        Conflict: another process writes to the archive.
        Unprocessable: a file is not as it was written, or the archive can't be read.
    """
    archived, number = ports.storage.archived, experiment.number
    before = archived.dropped(number)
    with writing(ports):
        files = ExperimentFiles(ports, experiment)
        for file in droppable(ports.storage, experiment, now_ms, keep_days, kept):
            # Rewards that came late are in the file too, or it is written again.
            current = files.current(file)
            fault = missing_or_altered(ports, experiment, current)
            if fault is not None:
                raise Unprocessable(fault)
            if not archived.drop(current):
                break
            _remove(archived, number, current.last - before, on_progress)
        # What a process that was killed has left.
        _remove(archived, number, archived.dropped(number) - before, on_progress)
        if archived.dropped(number):
            _forget(archived, number, now_ms - DECISION_LIFETIME_MS)
    return archived.dropped(number) - before


def _remove(
    archived: Archived, number: int, total: int, on_progress: OnProgress
) -> None:
    done = 0
    while removed := archived.remove(number, AT_ONCE):
        done += removed
        on_progress(min(done, total), max(1, total))


def _forget(archived: Archived, number: int, before_ms: int) -> None:
    place: bytes | None = b""
    while place is not None:
        place = archived.forget_ids(number, before_ms, place, _IDS_AT_ONCE)
