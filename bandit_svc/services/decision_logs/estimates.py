"""Estimate a target policy's value from a log that is read once, for a report.

Owns which of the asked estimators the log can have; the estimators are those of
ope.estimators.registry.
"""

from collections.abc import Collection

from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.ope.logged import LoggedData
from bandit_svc.services.values import NOT_ESTIMATED, Estimated, estimated


def no_estimates(names: Collection[str] = tuple(ESTIMATORS)) -> dict[str, Estimated]:
    """Return no number for every asked estimate, for a policy that is refused."""
    return dict.fromkeys(names, NOT_ESTIMATED)


def estimates_of(
    logged: LoggedData, names: Collection[str] = tuple(ESTIMATORS)
) -> dict[str, Estimated]:
    """Return each asked estimate with its interval; null where its arrays are missing.

    Raises:
        NoDataError: no decision has a weight above 0.
    """
    found = no_estimates(names)
    modelled = logged.pmf_target is not None and logged.q_hat is not None
    for name in names:
        estimator = ESTIMATORS[name]
        if modelled or not estimator.needs_model:
            one = estimator.read_once(logged)
            found[name] = estimated(one.estimate, one.interval)
    return found
