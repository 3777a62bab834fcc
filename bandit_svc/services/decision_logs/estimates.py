"""Estimate a target policy's value from a log that is read once, for a report.

Owns which of the asked estimators the log can have, and the form of the estimates in
JSON; the estimators are those of ope.estimators.registry.
"""

from collections.abc import Collection
from typing import Any

from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.ope.interval import UNKNOWN
from bandit_svc.ope.logged import LoggedData
from bandit_svc.services.values import estimate_json

Json = dict[str, Any]


def no_estimates(names: Collection[str] = tuple(ESTIMATORS)) -> dict[str, Json]:
    """Return null for every asked estimate, for a policy that is refused."""
    return {name: estimate_json(UNKNOWN) for name in names}


def estimates_of(
    logged: LoggedData, names: Collection[str] = tuple(ESTIMATORS)
) -> dict[str, Json]:
    """Return each asked estimate with its interval; null where its arrays are missing.

    Raises:
        NoDataError: no decision has a weight above 0.
    """
    found = no_estimates(names)
    modelled = logged.pmf_target is not None and logged.q_hat is not None
    for name in names:
        estimator = ESTIMATORS[name]
        if modelled or not estimator.needs_model:
            found[name] = estimate_json(estimator.read_once(logged))
    return found
