"""Is the archive what the store has recorded of it?"""

from collections.abc import Iterator

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import Unprocessable
from bandit_svc.services.archiving.files import name_of
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.archive.archived import ArchivedFile
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import ARCHIVE


def archive_faults(storage: Storage, archive: ArchivePorts | None) -> list[str]:
    """Return a sentence for each file that is missing or altered, and for each gap.

    Reads every file of the archive.

    Args:
        storage: the service's.
        archive: the store with its archive; None without one.
    """
    faults = [row.error for row in storage.jobs.faults(ARCHIVE) if row.error]
    for experiment in storage.experiments.all():
        files = storage.archived.files(experiment.number)
        faults += _gaps(experiment, files)
        if archive is None and files:
            faults.append(
                f"{counted(len(files), 'file')} of {experiment.key} are recorded as "
                "archived, and no archive is set; set BANDIT_ARCHIVE to its URL"
            )
        if archive is not None:
            try:
                faults += _damaged(archive, experiment, files)
            except Unprocessable as error:
                return [*faults, error.message]
    return faults


def archive_state(archive: ArchivePorts) -> str:
    """Return how much the archive has, and of how much it has the only copy."""
    storage = archive.storage
    numbers = [experiment.number for experiment in storage.experiments.all()]
    files = [file for number in numbers for file in storage.archived.files(number)]
    decisions = sum(file.last - file.first + 1 for file in files)
    dropped = sum(storage.archived.dropped(number) for number in numbers)
    return (
        f"the archive {archive.target.shown} has {counted(len(files), 'file')} of "
        f"{counted(decisions, 'joined decision')}, of which {dropped:,} have left the "
        "store"
    )


def missing_or_altered(
    archive: ArchivePorts, experiment: Experiment, file: ArchivedFile
) -> str | None:
    """Return what is wrong with a file as a sentence, None if nothing is."""
    name = name_of(experiment, file)
    found = archive.target.sha256(str(name))
    if found == file.sha256:
        return None
    what = "is missing" if found is None else "has other bytes than were written"
    way_out = "or `bandit-svc archive --mend` writes it again from the store"
    if file.last <= archive.storage.archived.dropped(file.number):
        way_out = "since the store has dropped its decisions"
    return (
        f"{name} of the archive {archive.target.shown} {what}; restore it from a copy, "
        f"{way_out}"
    )


def _damaged(
    archive: ArchivePorts, experiment: Experiment, files: list[ArchivedFile]
) -> Iterator[str]:
    for file in files:
        fault = missing_or_altered(archive, experiment, file)
        if fault is not None:
            yield fault


def _gaps(experiment: Experiment, files: list[ArchivedFile]) -> Iterator[str]:
    """Yield a sentence for each place where files don't follow one another."""
    reached = 0
    for file in files:
        if file.first != reached + 1:
            yield (
                f"the archive of {experiment.key} lacks the joined positions "
                f"{reached + 1:,} to {file.first - 1:,}; restore the store from a copy"
            )
        reached = file.last
