"""Make an apprentice live once its bound is reached.

Owns the revision that does so, and the evidence in its note. The intervals hold at
every look, so that it is asked at each look of the learner. It is never undone by the
service: `"mode": "apprentice"` by hand begins anew.
"""

from msgspec.structs import replace

from bandit_svc.domain.apprentice.mode import APPRENTICE, LIVE
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import amount, percent
from bandit_svc.services.evaluation.apprentice.findings import Found
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.interface import Storage


def switch_apprentice(
    storage: Storage, experiment: Experiment, found: Found | None, now_ms: int
) -> Experiment | None:
    """Store the revision that makes an apprentice live; None while it is not due.

    Args:
        storage: the service's.
        experiment: as it was read.
        found: of the experiment.
        now_ms: the time.

    Raises:
        Conflict: somebody changed the experiment meanwhile; the next look goes on.
    """
    definition = experiment.definition
    bound = definition.switch_at
    if definition.mode != APPRENTICE or bound is None or found is None:
        return None
    told = []
    if bound.agreement is not None:
        lower = found.agreement[1]
        if lower is None or lower < bound.agreement:
            return None
        told.append(
            f"the agreement is at least {percent(lower)} (bound "
            f"{percent(bound.agreement)})"
        )
    if bound.dr_lower is not None:
        lower = found.difference[1]
        earned = None if lower is None else lower * reward_range(definition).width
        if earned is None or earned < bound.dr_lower:
            return None
        told.append(
            f"the policy would earn at least {amount(earned, signed=True)} a decision "
            f"more than what is shown (bound {amount(bound.dr_lower, signed=True)})"
        )
    note = (
        f"service: made live, as {' and '.join(told)}, by the newest {found.recent:,} "
        f"of {found.n:,} decisions"
    )
    return storage.experiments.revise(
        experiment, replace(definition, mode=LIVE), now_ms, note
    )
