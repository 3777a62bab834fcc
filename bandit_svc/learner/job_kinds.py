"""The kinds of work that can be queued, and what does each.

Owns the one list of them. A kind's request is made, and checked, where it is queued
(services.managing.jobs); here its verb is called.
"""

from collections.abc import Mapping

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.plain_values import Payload
from bandit_svc.services.archiving.archive_joined import archive_joined
from bandit_svc.services.archiving.drop_archived import drop_archived
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.evaluation.evaluate import evaluate
from bandit_svc.services.managing.corrections.rebuild import rebuild
from bandit_svc.services.managing.jobs import (
    JobKind,
    OnProgress,
    estimand_of,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import ARCHIVE, CORRECTION, EVALUATION


def evaluation(
    storage: Storage,
    experiment: Experiment,
    request: Payload,
    on_progress: OnProgress,
) -> Payload:
    """Evaluate the policies of a request over the log as it is now."""
    specs = {one["label"]: one["spec"] for one in request["policies"]}
    found = evaluate(
        storage, experiment, specs, on_progress, estimand=estimand_of(request)
    )
    return checked_json(found)


JOB_KINDS: Mapping[str, JobKind] = {EVALUATION: evaluation, CORRECTION: rebuild}


def job_kinds(archive: ArchivePorts | None, keep_days: int) -> Mapping[str, JobKind]:
    """Return the kinds of a service.

    Args:
        archive: of the service, None for one without.
        keep_days: after which joined decisions leave the store; 0 keeps them.
    """
    if archive is None:
        return JOB_KINDS

    def archived(
        _storage: Storage,
        experiment: Experiment,
        request: Payload,
        on_progress: OnProgress,
    ) -> Payload:
        now_ms = request["now_ms"]
        done = archive_joined(archive, experiment, now_ms, on_progress)
        made: Payload = msgspec.to_builtins(done)
        dropped = drop_archived(archive, experiment, now_ms, keep_days, on_progress)
        return made | {"dropped": dropped}

    return {**JOB_KINDS, ARCHIVE: archived}
