"""Say what an experiment has earned, and what its holdout and exploration cost.

Owns the sums: differences a decision, times decisions so far and in a month at the
present rate. Every number has the interval of the difference that it is a multiple of;
where that is not known there is no number, and the reason.
"""

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.report.business.exploration import exploration_cost
from bandit_svc.services.report.business.outlook import decisions_a_day
from bandit_svc.services.report.business.rows import Money, Worth
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import Estimated, estimated
from bandit_svc.storage.interface import Storage

MONTH_DAYS = 30
_NO_RATE = "the rate of the traffic is not known yet"
_NO_INTERVAL = "there is no interval yet"


def money_of(
    report: Report, unit: str, holdout: float, exploration: Estimated
) -> Money:
    """Return what a report comes to.

    Args:
        unit: of rewards, such as EUR; may be empty.
        holdout: the present share of the baseline.
        exploration: its cost a decision of the treatment.
    """
    treatment, baseline = (float(group.n) for group in report.groups)
    a_month, why = _decisions_a_month(report)
    treated = None if a_month is None else a_month * (1 - holdout)
    held = None if a_month is None else a_month * holdout
    uplift = report.uplift.absolute
    return Money(
        unit=unit,
        extra=Worth(times(uplift, treatment), times(uplift, treated, why)),
        holdout=Worth(times(uplift, baseline), times(uplift, held, why)),
        exploration=exploration,
        exploration_a_month=times(exploration, treated, why),
    )


def times(found: Estimated, decisions: float | None, why: str = "") -> Estimated:
    """Return a difference a decision times a number of decisions."""
    lower, upper = found.interval
    if found.estimate is None or lower is None or upper is None:
        return estimated(None, reason=_reason(found) or _NO_INTERVAL)
    if decisions is None:
        return estimated(None, reason=why)
    return Estimated(found.estimate * decisions, (lower * decisions, upper * decisions))


def _reason(found: Estimated) -> str:
    return "" if isinstance(found.reason, msgspec.UnsetType) else found.reason


def _decisions_a_month(report: Report) -> tuple[float | None, str]:
    if report.made is not None:
        return None, "a range of time has no rate of now"
    if report.status != "running":
        return None, f"the experiment is {report.status}"
    rate = decisions_a_day(report)
    return (None, _NO_RATE) if rate is None else (rate * MONTH_DAYS, "")


def money_now(storage: Storage, experiment: Experiment, report: Report) -> Money:
    """Return what the report of all decisions comes to."""
    definition = experiment.definition
    cost = estimated(None, reason=_reason(report.uplift.absolute))
    if not definition.reward.closes_at_first_reward:
        cost = exploration_cost(storage.joins, experiment.number)
    return money_of(report, definition.reward.unit, definition.holdout, cost)


def money_of_range(experiment: Experiment, report: Report) -> Money:
    """Return what the report of a range comes to; exploration is one of now."""
    definition = experiment.definition
    cost = estimated(None, reason="it is told of the newest decisions alone")
    return money_of(report, definition.reward.unit, definition.holdout, cost)
