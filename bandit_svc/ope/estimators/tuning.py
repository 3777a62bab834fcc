"""Choose how strongly to clip, switch or shrink weights.

Owns two ways to choose among candidate estimators: SLOPE, which needs only their
values and errors, and estimated mean squared error, which needs the weights. Both
look at the rewards, so an interval made afterwards of the same log is too narrow;
anytime-valid intervals (betting.py) need nothing tuned.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.doubly_robust import (
    shrunk_doubly_robust,
    switch_doubly_robust,
)
from bandit_svc.ope.estimators.importance import PolicyValue, clipped_ips
from bandit_svc.ope.estimators.weights import clipped, shrunk, switched
from bandit_svc.ope.logged import FloatArray, LoggedData

SLOPE_CONSTANT = math.sqrt(6) - 1


@dataclass(frozen=True, slots=True)
class Family:
    """Estimators that one parameter leads from little bias to little variance.

    Attributes:
        estimate: gives the estimate for a parameter.
        modify: gives the weights, (n,), that the parameter makes of weights.
        uses_model: whether the model's residuals are weighted, or the rewards.
    """

    estimate: Callable[[LoggedData, float], PolicyValue]
    modify: Callable[[FloatArray, float], FloatArray]
    uses_model: bool


CLIPPED_IPS = Family(clipped_ips, clipped, uses_model=False)
SWITCH_DR = Family(switch_doubly_robust, switched, uses_model=True)
SHRUNK_DR = Family(shrunk_doubly_robust, shrunk, uses_model=True)


def candidates(logged: LoggedData, count: int = 8) -> tuple[float, ...]:
    """Give parameters to choose from: quantiles of the weights, and no limit at all.

    From the median positive weight to the largest, then infinity. For SHRUNK_DR give
    their squares.

    Args:
        logged: the log.
        count: of the finite ones, at least 1.
    """
    weight = logged.weight[logged.weight > 0]
    if weight.size == 0:
        return (math.inf,)
    levels = np.quantile(weight, np.linspace(0.5, 1, count))
    return (*sorted({float(level) for level in levels}), math.inf)


def by_slope(
    logged: LoggedData,
    family: Family,
    parameters: Sequence[float],
    confidence: float = 0.9,
) -> float:
    """Choose by SLOPE: the narrowest estimate that contradicts no wider one.

    In order of falling width c, the next value v_i is taken while
    |v_j - v_i| <= c_i + (sqrt(6) - 1) c_j for each wider j. Needs no estimate of the
    bias; it lies where the bias does not fall as the variance grows.

    Args:
        logged: the log.
        family: what to tune.
        parameters: to choose from, at least one.
        confidence: of the one-sided Student widths, in (0, 1).

    Raises:
        LoggedDataError: `parameters` is empty.

    References:
        Su, Srinath and Krishnamurthy (2020), "Adaptive estimator selection for
        off-policy evaluation", ICML, algorithm 1; the constant is that of Tucker and
        Lee (2021), "Improved estimator selection for off-policy evaluation".
    """
    _some(parameters)
    n = logged.n_rounds
    quantile = float(special.stdtrit(max(n - 1, 1), confidence))
    estimates = [family.estimate(logged, parameter) for parameter in parameters]
    values = np.array([estimate.value for estimate in estimates])
    widths = np.array(
        [quantile * math.sqrt(e.terms.var() / max(n - 1, 1)) for e in estimates]
    )
    order = np.argsort(widths, kind="stable")[::-1]
    for position in range(1, len(order)):
        here, wider = order[position], order[:position]
        gaps = np.abs(values[wider] - values[here])
        if np.any(gaps > widths[here] + SLOPE_CONSTANT * widths[wider]):
            return parameters[int(order[position - 1])]
    return parameters[int(order[-1])]


def by_squared_error(
    logged: LoggedData,
    family: Family,
    parameters: Sequence[float],
    confidence: float | None = None,
) -> float:
    """Choose the parameter with the least estimated mean squared error.

    Raises:
        LoggedDataError: `parameters` is empty.
    """
    _some(parameters)
    unmodified = family.estimate(logged, math.inf).value
    errors = [
        _squared_error(logged, family.estimate(logged, p), unmodified, confidence)
        for p in parameters
    ]
    return parameters[int(np.argmin(errors))]


def squared_error(
    logged: LoggedData,
    family: Family,
    parameter: float,
    confidence: float | None = None,
) -> float:
    """Estimate variance plus squared bias, in squared reward units.

    The variance is that of the terms over n. The bias is |mean((w - w') e)|, with w'
    the modified weight and e the reward, or its residual where a model is used. It
    lies low where the log shows no large weight. With a confidence 1 - d, Bernstein's
    bound is added: sqrt(2 mean(w²) log(2 / d) / n) + 2 max(w) log(2 / d) / (3 n).

    References:
        Su, Dimakopoulou, Krishnamurthy and Dudik (2020), section 5 and appendix
        ("direct bias estimation" and its upper bound).
    """
    unmodified = family.estimate(logged, math.inf).value
    estimate = family.estimate(logged, parameter)
    return _squared_error(logged, estimate, unmodified, confidence)


def _squared_error(
    logged: LoggedData,
    estimate: PolicyValue,
    unmodified: float,
    confidence: float | None,
) -> float:
    weight, n = logged.weight, logged.n_rounds
    # mean((w - w') e) is what the two estimates differ by.
    bias = abs(unmodified - estimate.value)
    if confidence is not None:
        log_term = math.log(2 / (1 - confidence))
        bias += math.sqrt(2 * float(np.square(weight).mean()) * log_term / n)
        bias += 2 * float(weight.max()) * log_term / (3 * n)
    deviations = estimate.terms - estimate.terms.mean()
    variance = float(np.einsum("n,n->", deviations, deviations)) / n**2
    return variance + bias**2


def _some(parameters: Sequence[float]) -> None:
    if not parameters:
        raise LoggedDataError("there is no parameter to choose from; give at least one")
