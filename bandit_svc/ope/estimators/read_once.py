"""Turn estimators into estimates with intervals, for a log that is read once.

Owns the interval of each kind of estimator: that of score_interval.py; wider by the
bias that the log does not exclude where weights are modified; that of DR for the direct
method, widened to hold its own estimate.
"""

from collections.abc import Callable

from bandit_svc.ope.estimators.direct import direct_method
from bandit_svc.ope.estimators.doubly_robust import doubly_robust
from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.estimators.score_interval import Form, score_interval
from bandit_svc.ope.estimators.tuning import Family, by_squared_error, candidates
from bandit_svc.ope.interval import Estimate, widened_to
from bandit_svc.ope.logged import LoggedData

ReadOnce = Callable[[LoggedData], Estimate]
"""Estimates a value and its interval.

Raises NoDataError if no decision has a weight above 0 where the estimator divides by
the weights, and LoggedDataError if the log has no model's predictions and it needs
them.
"""


def with_interval(
    estimator: Callable[[LoggedData], PolicyValue], form: Form
) -> ReadOnce:
    """Return the estimator together with its interval."""

    def estimate(logged: LoggedData) -> Estimate:
        value = estimator(logged)
        return Estimate(value.value, score_interval(logged, value, form))

    return estimate


def with_tuned_parameter(family: Family) -> ReadOnce:
    """Return the family at a parameter chosen on the log, the interval widened."""
    form = Form(uses_model=family.uses_model)

    def estimate(logged: LoggedData) -> Estimate:
        chosen = by_squared_error(logged, family, candidates(logged, family))
        value = family.estimate(logged, chosen)
        weight = family.modify(logged.weight, chosen)
        return Estimate(value.value, score_interval(logged, value, form, weight))

    return estimate


def direct_estimate(logged: LoggedData) -> Estimate:
    """Estimate by the direct method, with DR's interval widened to hold the value.

    The direct method's own standard error does not measure how far the model is off;
    that is what DR corrects.
    """
    value = direct_method(logged).value
    corrected = score_interval(logged, doubly_robust(logged), Form(uses_model=True))
    return Estimate(value, widened_to(corrected, value))
