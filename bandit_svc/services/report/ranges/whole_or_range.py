"""Report all of an experiment, or a range of time where one is asked for."""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.services.report.build import build_report
from bandit_svc.services.report.ranges.asked import RangeQuery, asked_range
from bandit_svc.services.report.ranges.of_range import range_report
from bandit_svc.services.report.report import Report
from bandit_svc.storage.interface import Storage


def whole_or_range(
    storage: Storage, experiment: Experiment, query: RangeQuery, now_ms: int
) -> Report:
    """Return the report that a query asks for.

    Raises:
        InvalidInput: an end of the range is no time, or it holds too many decisions.
    """
    if query.is_empty:
        return build_report(storage, experiment, now_ms)
    return range_report(storage, experiment, asked_range(query, now_ms))
