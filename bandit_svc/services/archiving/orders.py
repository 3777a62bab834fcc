"""The joined order of an experiment, from its archive as far as that is current."""

from bandit_svc.archive.names import FileName
from bandit_svc.archive.order import ArchivedOrder
from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.storage.joined.joins import JoinedOrder


def joined_order(ports: ArchivePorts, experiment: Experiment) -> JoinedOrder:
    """Return the joined order, read from the archive first and then from the store.

    Files whose decisions may have been corrected or erased since are not read.
    """
    archived = ports.storage.archived
    outdated = {file.first for file in archived.outdated(experiment.number)}
    names = [
        FileName(experiment.key, file.day, file.first, file.last)
        for file in archived.files(experiment.number)
        if file.first not in outdated
    ]
    return ArchivedOrder(ports.target, names, ports.storage.joins)
