"""Choose how strongly to clip, switch or shrink weights.

Owns the families of estimators with one parameter, and the choice of the parameter
by the least estimated mean squared error. The choice uses the rewards, so a normal
interval of the chosen estimate is too narrow by itself: read_once.py widens it by
the bias that the log does not exclude.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.arrays import FloatArray, inner
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.doubly_robust import (
    shrunk_doubly_robust,
    switch_doubly_robust,
)
from bandit_svc.ope.estimators.importance import clipped_ips
from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.estimators.weights import clipped, shrunk, switched
from bandit_svc.ope.logged import LoggedData

LIMITS = 8
"""Finite parameters to choose from; the search costs one pass over the log each."""


@dataclass(frozen=True, slots=True)
class Family:
    """Estimators that one parameter leads from little bias to little variance.

    Attributes:
        estimate: returns the estimate for a parameter.
        modify: returns the weights, (n,), that the parameter makes of weights.
        uses_model: true if the model's residuals are weighted, false if the rewards.
        power: the parameter is a weight to this power: 2 for a squared weight.
    """

    estimate: Callable[[LoggedData, float], PolicyValue]
    modify: Callable[[FloatArray, float], FloatArray]
    uses_model: bool
    power: float = 1.0


CLIPPED_IPS = Family(clipped_ips, clipped, uses_model=False)
SWITCH_DR = Family(switch_doubly_robust, switched, uses_model=True)
SHRUNK_DR = Family(shrunk_doubly_robust, shrunk, uses_model=True, power=2.0)


def candidates(
    logged: LoggedData, family: Family, count: int = LIMITS
) -> tuple[float, ...]:
    """Return parameters to choose from: quantiles of the weights, and infinity.

    The quantiles range from the median positive weight to the largest; infinity
    leaves all weights unmodified.

    Args:
        logged: the log.
        family: for the unit of its parameter.
        count: of the finite ones, at least 1.
    """
    levels = logged.once(f"levels {count}", lambda: _levels(logged.weight, count))
    # For clipping, quantiles of the weights are the limits; the strength of shrinkage
    # is a squared weight (Su et al. 2020, DRos).
    return (*(float(level**family.power) for level in sorted(levels)), math.inf)


def _levels(weight: FloatArray, count: int) -> set[float]:
    positive = weight[weight > 0]
    if positive.size == 0:
        return set()
    return {float(q) for q in np.quantile(positive, np.linspace(0.5, 1, count))}


def by_squared_error(
    logged: LoggedData, family: Family, parameters: Sequence[float]
) -> float:
    """Return the parameter with the least estimated mean squared error.

    Raises:
        LoggedDataError: `parameters` is empty.

    References:
        Su, Dimakopoulou, Krishnamurthy and Dudik (2020), section 5, with their
        "direct bias estimation" (appendix).
    """
    if not parameters:
        raise LoggedDataError("parameters is empty; give at least one to choose from")
    whole = family.estimate(logged, math.inf)
    estimates = (
        whole if math.isinf(p) else family.estimate(logged, p) for p in parameters
    )
    errors = [squared_error(one, whole.value) for one in estimates]
    return parameters[int(np.argmin(errors))]


def squared_error(estimate: PolicyValue, unmodified: float) -> float:
    """Return variance plus squared bias, in squared reward units.

    Biased downwards where the log has no large weight yet.

    Args:
        estimate: with modified weights.
        unmodified: the value with unmodified ones.
    """
    # With w' the modified weight and e the reward or the model's residual, the bias
    # is mean((w - w') e), which is what the two estimates differ by.
    bias = abs(unmodified - estimate.value)
    terms, n = estimate.terms, estimate.terms.size
    # The variance of a mean: that of the terms, whose mean is the value, over n.
    spread = inner(terms, terms) - n * estimate.value**2
    return max(spread, 0.0) / (n * n) + bias**2
