"""Turn estimators into estimates with intervals, for a log that is read once.

Owns the interval of each kind of estimator: normal with the delta method; wider by
the bias that the log does not exclude where weights are modified; that of DR for the
direct method, widened to hold its own estimate. Intervals end where a mean of the
log's rewards must, for rewards not below 0 or not above 1.
"""

from collections.abc import Callable

from bandit_svc.ope.errors import NoDataError
from bandit_svc.ope.estimators.direct import direct_method
from bandit_svc.ope.estimators.doubly_robust import doubly_robust
from bandit_svc.ope.estimators.intervals import normal
from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.estimators.tuning import Family, by_squared_error, candidates
from bandit_svc.ope.interval import UNBOUNDED, Estimate, Interval, widened_to
from bandit_svc.ope.logged import LoggedData

CONFIDENCE = 0.95

ReadOnce = Callable[[LoggedData], Estimate]
"""Estimates a value and its interval.

Raises NoDataError if no decision has a weight above 0 where the estimator divides by
the weights, and LoggedDataError if the log has no model's predictions and it needs
them.
"""


def with_normal_interval(estimator: Callable[[LoggedData], PolicyValue]) -> ReadOnce:
    """Return the estimator together with its normal interval."""

    def estimate(logged: LoggedData) -> Estimate:
        return _bounded(logged, estimator(logged), bias=0.0)

    return estimate


def with_tuned_parameter(family: Family) -> ReadOnce:
    """Return the family at a parameter chosen on the log, the interval widened."""

    def estimate(logged: LoggedData) -> Estimate:
        chosen = by_squared_error(logged, family, candidates(logged, family))
        value = family.estimate(logged, chosen)
        return _bounded(logged, value, _largest_bias(logged, family, chosen))

    return estimate


def direct_estimate(logged: LoggedData) -> Estimate:
    """Estimate by the direct method, with DR's interval widened to hold the value.

    The direct method's own standard error does not measure how far the model is off;
    that is what DR corrects.
    """
    value = direct_method(logged).value
    corrected = _bounded(logged, doubly_robust(logged), bias=0.0).interval
    return Estimate(value, widened_to(corrected, value))


def _largest_bias(logged: LoggedData, family: Family, parameter: float) -> float:
    """Return the largest bias of modified weights that the log does not exclude."""
    weight, error = logged.weight, logged.reward
    if family.uses_model:
        error = error - logged.predictions()[0]
    # Modified weights leave out mean((w - w') e): Su et al. (2020), section 5. The
    # parameter was chosen for it to be small, so its own error counts too.
    lost = (weight - family.modify(weight, parameter)) * error
    value = PolicyValue(float(lost.mean()), lost)
    ends = normal(value, CONFIDENCE, logged.unit)
    return max(abs(float(ends.lower or 0)), abs(float(ends.upper or 0)))


def _bounded(logged: LoggedData, value: PolicyValue, bias: float) -> Estimate:
    try:
        interval = normal(value, CONFIDENCE, logged.unit)
    except NoDataError:
        return Estimate(value.value, UNBOUNDED)
    lower, upper = float(interval.lower or 0) - bias, float(interval.upper or 0) + bias
    # An estimate outside of the range of rewards keeps its interval around it.
    if logged.reward_minimum >= 0:
        lower = max(lower, min(0.0, value.value))
    if logged.reward_maximum <= 1:
        upper = min(upper, max(1.0, value.value))
    return Estimate(value.value, Interval(lower, upper))
