"""Take what was erased from the store out of the archive.

Owns the rewriting of every file whose decisions have changed, of all experiments: from
the store where it has the decisions, and else from the file itself.
"""

from collections.abc import Callable

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import Unprocessable
from bandit_svc.services.archiving.erased_file import rewrite_without
from bandit_svc.services.archiving.files import ExperimentFiles, writing
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.privacy import Erasure


def follow_erasure(
    storage: Storage,
    archive: ArchivePorts | None,
    erasure: Erasure,
    on_batch: Callable[[], None] = lambda: None,
) -> int:
    """Write files again whose decisions have changed; return how many there were.

    Args:
        storage: in which the unit was blanked.
        archive: the store with its archive; None without one.
        erasure: at the step `blanked`.
        on_batch: called after each piece of work.

    Raises:
        Unprocessable: the archive can't be reached; another try goes on.
        Conflict: another process writes to it.
    """
    kept = [
        (e, len(storage.archived.files(e.number))) for e in storage.experiments.all()
    ]
    there = [experiment for experiment, count in kept if count]
    if not there:
        return 0
    if archive is None:
        files = counted(sum(count for _, count in kept), "file")
        raise Unprocessable(
            f"{files} of the archive may hold the erased unit, and this process knows "
            "no archive; set BANDIT_ARCHIVE to its URL, then the erasure goes on"
        )
    written = 0
    with writing(archive):
        for experiment in there:
            mine = ExperimentFiles(archive, experiment, lambda _at, _of: on_batch())
            written += mine.follow_changes()[0]
            written += _without_store(archive, experiment, erasure, on_batch)
    return written


def _without_store(
    archive: ArchivePorts,
    experiment: Experiment,
    erasure: Erasure,
    on_batch: Callable[[], None],
) -> int:
    """Write files again whose decisions the store has dropped."""
    archived = archive.storage.archived
    dropped = archived.dropped(experiment.number)
    return sum(
        rewrite_without(archive, experiment, file, erasure.tokens, on_batch)
        for file in archived.files(experiment.number)
        if file.last <= dropped
    )
