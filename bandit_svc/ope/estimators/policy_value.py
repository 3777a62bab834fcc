"""Hold an estimate of a policy's value together with the terms that make it.

Owns the result type of every estimator, and the ratio estimate that the
self-normalised ones share.
"""

from dataclasses import dataclass

from bandit_svc.ope.arrays import FloatArray, inner
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

    @classmethod
    def averaged(
        cls, terms: FloatArray, multiplicity: FloatArray | None = None
    ) -> "PolicyValue":
        """Return the mean of terms.

        Args:
            terms: (n,), one a round.
            multiplicity: (n,), of the log; the mean is then a ratio of two sums, and
                each round counts as often as it stands for.
        """
        if multiplicity is None:
            return cls(float(terms.mean()), terms)
        value = inner(multiplicity, terms) / float(multiplicity.sum())
        return cls(value, value + multiplicity * (terms - value))


def self_normalised(
    weight: FloatArray,
    residual: FloatArray,
    base: FloatArray,
    multiplicity: FloatArray | None = None,
) -> PolicyValue:
    """Return mean(base) + sum(w residual) / sum(w), all arrays (n,).

    With a multiplicity, `weight` must hold it already.

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
    own = PolicyValue.averaged(base, multiplicity)
    terms = own.terms + ratio + weight * (residual - ratio) / mean_weight
    return PolicyValue(own.value + ratio, terms)
