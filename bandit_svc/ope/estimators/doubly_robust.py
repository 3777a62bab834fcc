"""Estimate a policy's value from a reward model, corrected by weighted residuals.

Owns DR, self-normalised DR, Switch-DR and DR with optimistic shrinkage. Notation as
in importance.py; q_p is the model's mean over the target's pmf, q(a) its prediction
for the logged action. Each needs action, pmf_target and q_hat, and raises
LoggedDataError without them. The model must be cross-fitted (regression.py).
"""

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.policy_value import PolicyValue, self_normalised
from bandit_svc.ope.estimators.weights import shrunk, switched
from bandit_svc.ope.logged import LoggedData


def doubly_robust(logged: LoggedData) -> PolicyValue:
    """Add the mean weighted residual to the direct method.

    mean(q_p + w (r - q(a))); may leave the range of the rewards by a little.
    Unbiased with true propensities whatever the model, and with a true model
    whatever the propensities. Biased where the model has seen the round that it
    predicts. The variance is IPS's where the model is no better than 0.

    References:
        Dudik, Langford and Li (2011), "Doubly robust policy evaluation and
        learning", ICML, section 2.
    """
    return _corrected(logged, logged.weight)


def self_normalised_doubly_robust(logged: LoggedData) -> PolicyValue:
    """Divide the weighted residuals of DR by the sum of the weights.

    mean(q_p) + sum(w (r - q(a))) / sum(w). The bias falls with 1/n; the variance is
    smaller than that of DR where weights are large.

    Raises:
        NoDataError: no round has a weight above 0.

    References:
        Thomas and Brunskill (2016), "Data-efficient off-policy policy evaluation",
        their weighted doubly robust estimator for one step.
    """
    predicted, base = logged.predictions()
    return self_normalised(
        logged.evidence, logged.reward - predicted, base, logged.multiplicity
    )


def switch_doubly_robust(logged: LoggedData, limit: float) -> PolicyValue:
    """Correct the model only where the weight is at most a limit.

    mean(q_p + w 1[w <= limit] (r - q(a))): DR at an infinite limit, the direct method
    at 0. Biased by the model's error where weights are above the limit. Choose the
    limit with tuning.py.

    Raises:
        LoggedDataError: `limit` is below 0.

    References:
        Wang, Agarwal and Dudik (2017), "Optimal and adaptive off-policy evaluation
        in contextual bandits", ICML, section 4.
    """
    return _corrected(logged, switched(logged.weight, _not_negative(limit)))


def shrunk_doubly_robust(logged: LoggedData, strength: float) -> PolicyValue:
    """Correct the model with weights shrunk to bound the mean squared error.

    mean(q_p + strength w / (w² + strength) (r - q(a))): DR at infinite strength, the
    direct method at 0. Biased by the model's error where weights exceed about
    sqrt(strength). Choose the strength with tuning.py.

    Raises:
        LoggedDataError: `strength` is below 0.

    References:
        Su, Dimakopoulou, Krishnamurthy and Dudik (2020), "Doubly robust off-policy
        evaluation with shrinkage", ICML, their DRos.
    """
    return _corrected(logged, shrunk(logged.weight, _not_negative(strength)))


def _corrected(logged: LoggedData, weight: FloatArray) -> PolicyValue:
    predicted, base = logged.predictions()
    # Dudik, Langford and Li (2011), section 2, with the weight possibly modified: q_p +
    # w (r - q(a)). In place, since with a million rounds a further array costs more
    # than the sum.
    terms = logged.reward - predicted
    terms *= weight
    terms += base
    return PolicyValue.averaged(terms, logged.multiplicity)


def _not_negative(parameter: float) -> float:
    if not parameter >= 0:
        raise LoggedDataError(f"the parameter is {parameter}; it must be 0 or more")
    return parameter
