"""Estimate what a target policy would have earned, from weights or a model alone.

Owns replay, IPS, clipped IPS, SNIPS and the direct method. What combines weights and
a model is in doubly_robust.py. Below, a mean is over the n rounds, w is the weight
of a round (target probability over propensity), r its reward, q(a) the model's
prediction for action a, and p the target's pmf. Values are in reward units.
"""

from dataclasses import dataclass

import numpy as np

from bandit_svc.ope.errors import LoggedDataError, NoDataError
from bandit_svc.ope.estimators.weights import clipped
from bandit_svc.ope.logged import FloatArray, LoggedData

DETERMINISTIC = 1e-9
"""How far from 0 and 1 a target probability may be for replay."""


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """An estimate, and what each round contributes to it.

    Attributes:
        value: the estimated mean reward of the target policy.
        terms: (n,), with mean `value`. For a ratio these are the value plus the
            round's influence on it, so that in every case the standard deviation of
            the terms over sqrt(n) is the standard error (delta method).
    """

    value: float
    terms: FloatArray


def replay(logged: LoggedData) -> PolicyValue:
    """Average the rewards of the rounds in which the target chose the same.

    sum(match r) / sum(match), for a target that always chooses one action. In the
    range of the rewards. It lies unless the log was drawn uniformly: a logging policy
    that prefers an action in some contexts shows it in these contexts, and replay
    asks for nothing back. The number of matches is random: read it.

    Raises:
        LoggedDataError: a target probability is neither 0 nor 1.
        NoDataError: no round matches.

    References:
        Li, Chu, Langford and Wang (2011), "Unbiased offline evaluation of
        contextual-bandit-based news article recommendation algorithms", algorithm 2.
    """
    target = logged.target_probability
    match = (target >= 1 - DETERMINISTIC).astype(np.float64)
    if not np.all((match == 1) | (target <= DETERMINISTIC)):
        raise LoggedDataError(
            "replay needs a target policy that always chooses one action; some of its "
            "probabilities are neither 0 nor 1. Use ips or snips"
        )
    return self_normalised(match, logged.reward, np.zeros(logged.n_rounds))


def ips(logged: LoggedData) -> PolicyValue:
    """Weigh each reward by target over logged probability.

    mean(w r), between 0 and the largest weight times the reward for rewards not
    below 0. Unbiased if every action that the target can take had a propensity above
    0. The variance grows with the largest weight, and the estimate moves when a
    constant is added to all rewards: both are seen in `diagnostics`.

    References:
        Horvitz and Thompson (1952); Dudik, Langford and Li (2011), section 2.
    """
    terms = logged.weight * logged.reward
    return PolicyValue(float(terms.mean()), terms)


def clipped_ips(logged: LoggedData, limit: float) -> PolicyValue:
    """Weigh as `ips` does, with no weight above a limit.

    mean(min(w, limit) r). It lies low for rewards not below 0, by at most
    `clipping_bias_bound`.

    Args:
        logged: the log.
        limit: the largest weight kept, above 0; 1 / limit bounds what is kept.

    Raises:
        LoggedDataError: `limit` is not above 0.

    References:
        Ionides (2008), "Truncated importance sampling"; Bottou et al. (2013),
        "Counterfactual reasoning and learning systems", section 4.4.
    """
    terms = clipped(logged.weight, positive(limit)) * logged.reward
    return PolicyValue(float(terms.mean()), terms)


def clipping_bias_bound(logged: LoggedData, limit: float) -> tuple[float, float]:
    """Bound the bias that clipping gives, whatever the lost rewards were.

    The target's value minus the mean of clipped IPS is E[(w - min(w, limit)) r], and
    E[w] = 1, so the lost share of the target's decisions is 1 - E[min(w, limit)].
    With rewards in [a, b] the truth is above the clipped value by between a and b
    times that share. These are estimates: the share is the log's, not its
    expectation's.

    Returns:
        The smallest and the largest amount to add to `clipped_ips`.

    Raises:
        LoggedDataError: `limit` is not above 0.

    References:
        Bottou et al. (2013), section 4.4, whose "inner" bound this is.
    """
    kept = float(clipped(logged.weight, positive(limit)).mean())
    lost = max(0.0, 1 - kept)
    return logged.reward_minimum * lost, logged.reward_maximum * lost


def snips(logged: LoggedData) -> PolicyValue:
    """Weigh as `ips` does, and divide by the sum of the weights.

    sum(w r) / sum(w), within the range of the logged rewards. Biased by an amount
    that falls with 1/n, for a variance that is mostly much smaller; adding a constant
    to all rewards adds it to the estimate. It lies with few effective decisions.

    Raises:
        NoDataError: no round has a weight above 0.

    References:
        Swaminathan and Joachims (2015), "The self-normalized estimator for
        counterfactual learning", NeurIPS 28.
    """
    return self_normalised(logged.weight, logged.reward, np.zeros(logged.n_rounds))


def direct_method(logged: LoggedData) -> PolicyValue:
    """Average what a reward model says of the target's choices.

    mean(sum_a p(a) q(a)), in the range of the model. Lies as much as the model does,
    with an interval that knows nothing of it: never show it alone.

    Raises:
        LoggedDataError: action, pmf_target or q_hat is missing.

    References:
        Dudik, Langford and Li (2011), "Doubly robust policy evaluation and
        learning", ICML, section 2.
    """
    _, terms = logged.predictions()
    return PolicyValue(float(terms.mean()), terms)


def self_normalised(
    weight: FloatArray, residual: FloatArray, base: FloatArray
) -> PolicyValue:
    """Give mean(base) + sum(w residual) / sum(w), all arrays (n,).

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
    terms = base + ratio + weight * (residual - ratio) / mean_weight
    return PolicyValue(float(base.mean()) + ratio, terms)


def positive(limit: float) -> float:
    """Give the limit if it is above 0.

    Raises:
        LoggedDataError: it is not.
    """
    if not limit > 0:
        raise LoggedDataError(f"the limit of weights is {limit}; it must be above 0")
    return limit
