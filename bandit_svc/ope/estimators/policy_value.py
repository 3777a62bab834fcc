"""Hold an estimate of a policy's value together with the terms that make it.

Owns the result type of every estimator, and the ratio estimate that the
self-normalised ones share.
"""

from dataclasses import dataclass

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import NoDataError


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """An estimate, and what each round contributes to it.

    Attributes:
        value: the estimated mean reward of the target policy, in reward units.
        terms: (n,), with mean `value`. For a ratio these are the value plus the
            round's influence on it, so that in every case the standard deviation of
            the terms over sqrt(n) is the standard error (delta method).
    """

    value: float
    terms: FloatArray


def self_normalised(
    weight: FloatArray, residual: FloatArray, base: FloatArray
) -> PolicyValue:
    """Return mean(base) + sum(w residual) / sum(w), all arrays (n,).

    Raises:
        NoDataError: no round has a weight above 0.
    """
    mean_weight = float(weight.mean())
    if mean_weight <= 0:
        raise NoDataError(
            "no round has a weight above 0: the target policy takes none of the "
            "logged actions"
        )
    ratio = float((weight * residual).mean()) / mean_weight
    # The influence of a round on a ratio of means, Owen (2013), eq. (9.9):
    # w (residual - ratio) / mean(w). Its mean over the rounds is 0.
    terms = base + ratio + weight * (residual - ratio) / mean_weight
    return PolicyValue(float(base.mean()) + ratio, terms)
