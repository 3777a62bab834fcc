"""Bring the archive of an experiment up to its joined order.

Owns when a file is written: when its day is over, or with MOST_ROWS decisions.
"""

from typing import Final

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.archiving.files import ExperimentFiles, OnProgress, writing
from bandit_svc.services.archiving.ports import ArchivePorts

MOST_ROWS: Final = 1_000_000
"""Of a file, counted in joined positions."""


class ArchiveWork(msgspec.Struct):
    """What one run has done, in numbers of files."""

    written: int = 0
    rewritten: int = 0
    compared: int = 0
    """Files whose decisions may have changed and had not."""


def archive_joined(
    ports: ArchivePorts,
    experiment: Experiment,
    now_ms: int,
    on_progress: OnProgress = lambda _done, _total: None,
    most_rows: int = MOST_ROWS,
) -> ArchiveWork:
    """Write what is complete, and write again what was corrected or erased.

    Args:
        ports: the store and the archive.
        experiment: whose decisions.
        now_ms: the time; the day that it is in is not complete.
        on_progress: told, after each batch, the position reached and the last one.
        most_rows: joined positions of a file.

    Raises:
        Conflict: another process writes to the archive.
        Unprocessable: the archive can't be used; what is recorded is in it.
    """
    archived = ports.storage.archived
    with writing(ports):
        files = ExperimentFiles(ports, experiment, on_progress)
        done = ArchiveWork(0, *files.follow_changes())
        while span := archived.due(experiment.number, now_ms, most_rows):
            files.write(span)
            done.written += 1
    return done
