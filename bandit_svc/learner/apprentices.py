"""Follow apprentices in the learner's tick: make one live whose bound is reached."""

import logging

from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import Conflict
from bandit_svc.services.evaluation.apprentice.kept import kept_findings
from bandit_svc.services.managing.apprentice.switch_apprentice import (
    switch_apprentice,
)
from bandit_svc.storage.interface import Storage

_log = logging.getLogger(__name__)


def follow_apprentice(storage: Storage, experiment: Experiment, now_ms: int) -> bool:
    """Take the step that is due; return whether one was taken.

    Args:
        storage: the service's.
        experiment: as it is now, with a model that has learned the log.
        now_ms: the time.
    """
    definition = experiment.definition
    if definition.switch_at is None or definition.status != "running":
        return False
    found = kept_findings(storage.evaluations, experiment.number)
    try:
        after = switch_apprentice(storage, experiment, found, now_ms)
    except Conflict as error:
        # The definition was changed in between; the next look reads it.
        _log.info("experiment %s: %s", experiment.key, error.message)
        return False
    if after is None:
        return False
    _log.info("experiment %s is live from revision %d", after.key, after.revision)
    return True
