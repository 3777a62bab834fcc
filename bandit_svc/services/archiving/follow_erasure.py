"""Take what was erased from the store out of the archive.

Owns the rewriting of every file whose decisions have changed, of all experiments.
"""

from collections.abc import Callable

from bandit_svc.domain.numbers import counted
from bandit_svc.errors import Unprocessable
from bandit_svc.services.archiving.files import ExperimentFiles, writing
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.interface import Storage


def follow_erasure(
    storage: Storage,
    archive: ArchivePorts | None,
    on_batch: Callable[[], None] = lambda: None,
) -> int:
    """Write files again whose decisions have changed; return how many there were.

    Args:
        storage: in which the unit was blanked.
        archive: the store with its archive; None without one.
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
    return written
