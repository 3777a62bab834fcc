"""Estimate a policy's value from importance weights alone.

Owns IPS, clipped IPS and SNIPS. Estimators that combine weights and a reward model
are in doubly_robust.py. Below, a mean is over the n rounds, w is the weight of a
round (target probability over propensity) and r its reward. Values are in reward
units.
"""

import numpy as np

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.policy_value import PolicyValue, self_normalised
from bandit_svc.ope.estimators.weights import clipped
from bandit_svc.ope.logged import LoggedData


def ips(logged: LoggedData) -> PolicyValue:
    """Estimate the value by inverse propensity scoring.

    mean(w r). If no reward is below 0, it lies between 0 and the largest weight times
    the largest reward. Unbiased if every action that the target can take had a
    propensity above 0. The variance grows with the largest weight. The estimate changes
    when a constant is added to all rewards (by the constant times the mean weight).
    `diagnostics` reports the largest and the mean weight.

    References:
        Horvitz and Thompson (1952); Dudik, Langford and Li (2011), section 2.
    """
    return PolicyValue.averaged(logged.weight * logged.reward, logged.multiplicity)


def clipped_ips(logged: LoggedData, limit: float) -> PolicyValue:
    """Estimate as `ips` does, with no weight above a limit.

    mean(min(w, limit) r). Biased downwards for rewards not below 0: in expectation by
    at most 1 - E[min(w, limit)], the clipped share of the target's choices, times the
    largest reward.

    Args:
        logged: the log.
        limit: the largest weight kept, above 0; infinity clips nothing.

    Raises:
        LoggedDataError: `limit` is not above 0.

    References:
        Ionides (2008), "Truncated importance sampling"; Bottou et al. (2013),
        "Counterfactual reasoning and learning systems", section 4.4.
    """
    if not limit > 0:
        raise LoggedDataError(f"the limit of weights is {limit}; it must be above 0")
    terms = clipped(logged.weight, limit) * logged.reward
    return PolicyValue.averaged(terms, logged.multiplicity)


def snips(logged: LoggedData) -> PolicyValue:
    """Estimate as `ips` does, divided by the mean weight.

    sum(w r) / sum(w), within the range of the logged rewards. The bias falls with
    1/n, and is large where the effective sample size is small; the variance is mostly
    much smaller than that of IPS. Adding a constant to all rewards adds it to the
    estimate.

    Raises:
        NoDataError: no round has a weight above 0.

    References:
        Swaminathan and Joachims (2015), "The self-normalized estimator for
        counterfactual learning", NeurIPS 28.
    """
    return self_normalised(logged.evidence, logged.reward, np.zeros(logged.n_rounds))
