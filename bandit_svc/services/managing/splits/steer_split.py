"""Take the next step of a split by what its comparison says.

Owns which step is due. It is called after each joined batch by the learner, under its
lease.
"""

from typing import assert_never

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.splits.split import Split
from bandit_svc.domain.splits.step import Evidence, Kind, Step
from bandit_svc.domain.splits.verdict import verdict_of
from bandit_svc.services.managing.splits.taking import Asked, take_step
from bandit_svc.storage.interface import Storage


def steer_split(
    storage: Storage,
    experiment: Experiment,
    split: Split,
    evidence: Evidence,
    in_step: int,
    now_ms: int,
    *,
    ready: bool,
) -> Step | None:
    """Take the step that is due; return it, or None if none is.

    Args:
        storage: the service's.
        experiment: as it was read.
        split: of its definition.
        evidence: of the comparison now.
        in_step: matured decisions of the other branch since the last step.
        now_ms: the time.
        ready: whether the other policy has learned the log.

    Raises:
        Conflict: somebody changed the experiment meanwhile; the next look goes on.
    """
    if split.state == "training":
        if not ready:
            return None
        asked = Asked("started", "the other policy has learned the log", evidence)
        return take_step(storage, experiment, split, asked, now_ms)
    verdict = verdict_of(split, evidence, in_step)
    kind: Kind
    match verdict.move:
        case "stay":
            return None
        case "roll_back":
            kind = "rolled_back"
        case "advance":
            kind = "advanced"
        case _:
            assert_never(verdict.move)
    asked = Asked(kind, verdict.reason, evidence)
    return take_step(storage, experiment, split, asked, now_ms)
