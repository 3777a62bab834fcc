"""Write files of the archive again that are missing or altered.

Owns which: those whose bytes are not the recorded ones, and that the store can make.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import Unprocessable
from bandit_svc.services.archiving.faults import missing_or_altered
from bandit_svc.services.archiving.files import ExperimentFiles, writing
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.archive.archived import Span


def mend_archive(ports: ArchivePorts, experiment: Experiment) -> int:
    """Write damaged files of an experiment again; return how many there were.

    Raises:
        Conflict: another process writes to the archive.
        Unprocessable: the archive can't be used; or the store has dropped the decisions
            of a damaged file. Those that it has are written before.
    """
    mended = 0
    lost: list[str] = []
    with writing(ports):
        files = ExperimentFiles(ports, experiment)
        dropped = ports.storage.archived.dropped(experiment.number)
        for file in ports.storage.archived.files(experiment.number):
            fault = missing_or_altered(ports, experiment, file)
            if fault is None:
                continue
            if file.last <= dropped:
                lost.append(fault)
                continue
            files.write(Span(file.first, file.last, file.day))
            mended += 1
    if lost:
        raise Unprocessable("; ".join(lost))
    return mended
