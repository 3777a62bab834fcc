"""What the store may drop of the joined order.

Owns how far everything has read that follows it. What is behind all of it, older than
the retention and in the archive, as it was verified, may go; reports sample the newest
KEPT positions of an experiment, which stay.
"""

from typing import Final

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.times import timestamp
from bandit_svc.services.learning.programmes.following import kept_sums
from bandit_svc.services.learning.uplift_sums import kept_uplift
from bandit_svc.storage.archive.archived import ArchivedFile
from bandit_svc.storage.interface import Storage

KEPT: Final = 2_000


def droppable(
    storage: Storage,
    experiment: Experiment,
    now_ms: int,
    keep_days: int,
    kept: int = KEPT,
) -> list[ArchivedFile]:
    """Return the files whose decisions the store may drop, by position.

    Args:
        storage: the service's.
        experiment: whose decisions.
        now_ms: the time.
        keep_days: whole days after the day of joining; 0 keeps all.
        kept: the newest positions that stay, one at least.
    """
    number = experiment.number
    if not keep_days:
        return []
    dropped = storage.archived.dropped(number)
    # The day after the last one that may go.
    limit = timestamp(now_ms - keep_days * DAY_MS)[: len("2026-11-28")]
    old = [
        file
        for file in storage.archived.files(number)
        if file.first > dropped and file.day < limit
    ]
    if not old:
        return []
    last = storage.joins.last_position(number)
    reached = min(_read_up_to(storage, experiment), last - kept)
    return [file for file in old if file.last <= reached]


def _read_up_to(storage: Storage, experiment: Experiment) -> int:
    """Return the last position that every reader of the joined order has read."""
    number, definition = experiment.number, experiment.definition
    model = storage.model_versions.newest(number)
    uplift = kept_uplift(storage.joins, number)
    read = [
        0 if model is None else model.cursor,
        0 if uplift is None else uplift.position,
        *(row.cursor for row in storage.evaluations.scores(number)),
        *(row.cursor for row in storage.evaluations.reward_models(number)),
    ]
    if definition.split is not None:
        branch = storage.branch_versions.newest(number)
        sums = storage.splits.sums(number)
        read += [
            0 if branch is None else branch.cursor,
            0 if sums is None else sums.position,
        ]
    for programme in storage.programmes.all():
        place = kept_sums(storage, programme.number).place(number)
        if place is not None or definition.programme == programme.key:
            read.append(0 if place is None else place.position)
    return min(read)
