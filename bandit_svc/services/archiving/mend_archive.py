"""Write files of the archive again that are missing or altered.

Owns which: those whose bytes are not the recorded ones.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.archiving.faults import missing_or_altered
from bandit_svc.services.archiving.files import ExperimentFiles, writing
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.archive.archived import Span


def mend_archive(ports: ArchivePorts, experiment: Experiment) -> int:
    """Write damaged files of an experiment again; return how many there were.

    Raises:
        Conflict: another process writes to the archive.
        Unprocessable: the archive can't be used.
    """
    mended = 0
    with writing(ports):
        files = ExperimentFiles(ports, experiment)
        for file in ports.storage.archived.files(experiment.number):
            if missing_or_altered(ports, experiment, file) is not None:
                files.write(Span(file.first, file.last, file.day))
                mended += 1
    return mended
