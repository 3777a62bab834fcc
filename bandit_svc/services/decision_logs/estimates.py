"""Estimate a target policy's value from a log that is read once.

Owns which estimators there are, how their parameters are chosen, and their intervals:
normal, with the delta method for ratios, at 95 %. Estimators that clip, switch or
shrink weights trade errors for bias; their intervals are wider by the bias that the
log does not exclude. `dm` has the interval of `dr`, widened to hold its own estimate:
its own errors know nothing of how far the model is off, which is what `dr` corrects.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.estimators.doubly_robust import (
    doubly_robust,
    self_normalised_doubly_robust,
)
from bandit_svc.ope.estimators.importance import PolicyValue, direct_method, ips, snips
from bandit_svc.ope.estimators.intervals import normal
from bandit_svc.ope.estimators.tuning import (
    CLIPPED_IPS,
    SHRUNK_DR,
    SWITCH_DR,
    Family,
    by_squared_error,
    candidates,
)
from bandit_svc.ope.interval import Interval, widened_to
from bandit_svc.ope.logged import LoggedData
from bandit_svc.services.values import interval_json

Json = dict[str, Any]
Estimator = Callable[[LoggedData], PolicyValue]

CONFIDENCE = 0.95
_WEIGHED: Mapping[str, Estimator] = {"ips": ips, "snips": snips}
_MODELLED: Mapping[str, Estimator] = {
    "dm": direct_method,
    "dr": doubly_robust,
    "sndr": self_normalised_doubly_robust,
}
_TUNED: Mapping[str, Family] = {
    "clipped_ips": CLIPPED_IPS,
    "switch_dr": SWITCH_DR,
    "dros": SHRUNK_DR,
}
ESTIMATORS = ("ips", "snips", "dm", "dr", "clipped_ips", "sndr", "switch_dr", "dros")


def no_estimates() -> dict[str, Json]:
    """Stand for every estimate of a policy that the log can't carry."""
    return {name: {"estimate": None, "interval": [None, None]} for name in ESTIMATORS}


def estimates_of(logged: LoggedData) -> dict[str, Json]:
    """Give each estimate with its interval; null where the arrays for it are missing.

    Intervals stay within what a mean of the log's rewards can be, where rewards are
    not below 0 or not above 1.

    Raises:
        NoDataError: no decision has a weight above 0.
    """
    found = no_estimates()
    modelled = logged.pmf_target is not None and logged.q_hat is not None
    estimators = {**_WEIGHED, **_MODELLED} if modelled else _WEIGHED
    for name, estimate in estimators.items():
        found[name] = _shown(logged, estimate(logged), 0.0)
    if modelled:
        ends = widened_to(Interval(*found["dr"]["interval"]), found["dm"]["estimate"])
        found["dm"]["interval"] = interval_json(ends)
    limits = candidates(logged)
    for name, family in _TUNED.items():
        if modelled or not family.uses_model:
            parameters = [p**2 for p in limits] if family is SHRUNK_DR else limits
            chosen = by_squared_error(logged, family, parameters)
            value = family.estimate(logged, chosen)
            found[name] = _shown(logged, value, _bias(logged, family, chosen))
    return found


def _bias(logged: LoggedData, family: Family, parameter: float) -> float:
    """Give the largest bias of modified weights that the log does not exclude.

    What they leave out is mean((w - w') e); the parameter was chosen for it to be
    small, so that its own error counts too.
    """
    weight = logged.weight
    error = logged.reward
    if family.uses_model:
        error = error - logged.predictions()[0]
    lost = (weight - family.modify(weight, parameter)) * error
    ends = normal(PolicyValue(float(lost.mean()), lost), CONFIDENCE)
    return max(abs(float(ends.lower or 0)), abs(float(ends.upper or 0)))


def _shown(logged: LoggedData, value: PolicyValue, bias: float) -> Json:
    try:
        interval = normal(value, CONFIDENCE)
    except NoDataError:
        return {"estimate": value.value, "interval": [None, None]}
    lower, upper = float(interval.lower or 0) - bias, float(interval.upper or 0) + bias
    # An estimate outside of the range of rewards keeps its interval around it.
    if logged.reward_minimum >= 0:
        lower = max(lower, min(0.0, value.value))
    if logged.reward_maximum <= 1:
        upper = min(upper, max(1.0, value.value))
    return {"estimate": value.value, "interval": [lower, upper]}
