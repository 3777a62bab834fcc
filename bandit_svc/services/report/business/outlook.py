"""Read the forecast of a running experiment from its report and its sums.

Owns which numbers of a report it starts from; the forecast is services.planning's.
"""

from datetime import datetime

from bandit_svc.ope.uplift.columns import TRAJECTORY
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.services.planning.outlook import (
    DAY_S,
    Asked,
    Known,
    Outlook,
    outlook,
    unknown,
)
from bandit_svc.services.report.report import Report
from bandit_svc.services.report.uplift import Compared


def outlook_of(report: Report, compared: Compared) -> Outlook:
    """Return when the uplift of a report will be decided."""
    lift = compared.experiment.definition.smallest_lift
    lift_of: Asked = "estimate" if lift is None else "smallest_lift"
    found = report.uplift.absolute
    lower, upper = found.interval
    if report.status != "running":
        return unknown(lift_of, f"the experiment is {report.status}")
    if found.estimate is None or lower is None or upper is None:
        reason = found.reason or "there is no interval yet"
        return unknown(lift_of, reason)
    two = sides(compared.totals, TRAJECTORY)
    known = Known(
        decisions=float(two.decisions),
        estimate=found.estimate,
        lower=lower,
        upper=upper,
        squared_error=float(two.difference_raw()),
        tightest_at=compared.possible.tightest_at,
    )
    asked = None if lift is None else lift * abs(float(two.means[1]))
    if asked == 0:
        return unknown(lift_of, "the baseline's mean is 0, so that no lift is known")
    return outlook(known, asked, decisions_a_day(report))


def decisions_a_day(report: Report) -> float | None:
    """Return the rate of the newest half of the decisions that matured.

    Up to the newest of them, so that it is the same whenever the report is made. None
    where they are all of one stretch of time.
    """
    history = report.history
    last = [group.period.last for group in report.groups if group.period.last]
    if not history or not last:
        return None
    newest = history[-1]
    half = [point for point in history if point.joined <= newest.joined / 2]
    before = half[-1] if half else history[0]
    span_s = (
        datetime.fromisoformat(max(last)) - datetime.fromisoformat(before.at)
    ).total_seconds()
    if span_s <= 0:
        return None
    return (newest.joined - before.joined) / span_s * DAY_S
