"""The uplift of an experiment that an earlier version has begun, as it was then.

Owns `uplift.former`: decisions as independent, whatever their unit and whenever the
holdout changed. It stands beside the one by unit, so that a changed number has its
reason beside it.
"""

from msgspec import UNSET, UnsetType

from bandit_svc.domain.experiment import RewardDefinition
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift, relative_uplift
from bandit_svc.services.report.report import FormerUplift
from bandit_svc.services.values import CONFIDENCE, Possible, estimated

METHOD = "asymptotic-cs"
_TOO_FEW = f"each group needs {MINIMAL_COUNT} matured decisions"


def former_uplift(
    changed_at_ms: int | None,
    treatment: Moments,
    baseline: Moments,
    reward: RewardDefinition,
) -> FormerUplift | UnsetType:
    """Return the former uplift; UNSET if no earlier version has shown one.

    Args:
        changed_at_ms: since when the uplift is by unit.
        treatment: the treatment's rewards, not weighted.
        baseline: the baseline's.
        reward: the declared range.
    """
    if changed_at_ms is None:
        return UNSET
    arguments = (treatment, baseline, CONFIDENCE, reward.minimum, reward.upper)
    absolute, relative = absolute_uplift(*arguments), relative_uplift(*arguments)
    width = reward.width
    return FormerUplift(
        METHOD,
        timestamp(changed_at_ms),
        estimated(
            absolute.estimate, absolute.interval, Possible(-width, width), _TOO_FEW
        ),
        estimated(relative.estimate, relative.interval, reason=_TOO_FEW),
    )
