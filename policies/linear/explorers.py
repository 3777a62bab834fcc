"""From estimates and their uncertainty to probabilities.

Owns the explorers of kind `linear`: greedy, ucb, igw, thompson, each with its exact
pmf. Knows nothing of contexts, actions or how the estimates were learned.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from policies.linear.regressions import Floats
from policies.maximum import largest_normal
from policies.settings import Choice, Number, Setting

LEAST_DEVIATION = 1e-9
"""Keeps the quadrature's panels from having no width."""


class Estimates(msgspec.Struct, frozen=True):
    """The estimates of each action in one context.

    Attributes:
        means: shape (K,), expected scaled rewards.
        deviations: shape (K,), standard deviations of those means.
        noise_deviation: standard deviation of a reward around its mean.
        learned_count: number of examples that the policy has learned.
    """

    means: Floats
    deviations: Floats
    noise_deviation: float
    learned_count: int


def greedy(estimates: Estimates) -> list[float]:
    """Return 1 for the largest mean, 0 for the others; ties share."""
    return _to_largest(estimates.means)


def ucb(estimates: Estimates, alpha: float) -> list[float]:
    """Return 1 for the largest mean plus alpha standard deviations; ties share.

    References:
        Li, Chu, Langford and Schapire (2010), LinUCB, Algorithm 1.
    """
    # The index p of Algorithm 1: the mean plus alpha standard deviations of it.
    return _to_largest(estimates.means + alpha * estimates.deviations)


def igw(estimates: Estimates, gamma_scale: float) -> list[float]:
    """Return 1 / (K + gamma * gap) for each but the best, which has the rest.

    gamma grows as gamma_scale * sqrt(K * examples), so that exploration fades; gaps
    are measured in deviations of the reward, so that its unit doesn't matter.

    References:
        Foster and Rakhlin (2020), SquareCB; Abe and Long (1999).
    """
    means = estimates.means
    n_actions = len(means)
    # Theorem 1 of Foster and Rakhlin has gamma proportional to sqrt(K T); here the
    # examples so far take the place of the horizon T, which is not known.
    gamma = gamma_scale * math.sqrt(n_actions * estimates.learned_count)
    best = int(means.argmax())
    gaps = (means[best] - means) / estimates.noise_deviation
    shares = 1.0 / (n_actions + gamma * gaps)
    # The best action has what the others leave, so that the shares sum to 1.
    shares[best] = 0.0
    shares[best] = 1.0 - shares.sum()
    return [float(share) for share in shares]


def thompson(estimates: Estimates, alpha: float) -> list[float]:
    """Return the probability that each action's mean is the largest.

    The means are taken as independent normals with alpha times the deviation of the
    regression.

    References:
        Agrawal and Goyal (2013), linear Thompson sampling.
    """
    deviations = np.maximum(alpha * estimates.deviations, LEAST_DEVIATION)
    return largest_normal(estimates.means, deviations)


def _to_largest(scores: Floats) -> list[float]:
    # Means are equal before any example. Equal shares then make the pmf independent of
    # the order of the actions.
    largest = scores == scores.max()
    share = 1.0 / int(largest.sum())
    return [share if is_largest else 0.0 for is_largest in largest]


UCB_ALPHA = Number(
    "alpha",
    0.5,
    "standard deviations added to a mean; more of them explore more",
    0.0,
    100.0,
)
IGW_GAMMA = Number(
    "gamma_scale",
    5.0,
    "scale of SquareCB's gamma; a larger one explores less",
    0.0,
    1e6,
)
THOMPSON_ALPHA = Number(
    "alpha",
    0.3,
    "factor of the standard deviations; a larger one explores more",
    1e-4,
    100.0,
)

EXPLORERS: Mapping[str, tuple[Callable[..., list[float]], tuple[Setting, ...]]] = {
    "greedy": (greedy, ()),
    "ucb": (ucb, (UCB_ALPHA,)),
    "igw": (igw, (IGW_GAMMA,)),
    "thompson": (thompson, (THOMPSON_ALPHA,)),
}
EXPLORER = Choice(
    "explorer",
    "igw",
    "how estimates and their uncertainty become probabilities",
    tuple(EXPLORERS),
)


def reads_deviations(spec: Mapping[str, Any]) -> bool:
    """Return whether a spec's explorer reads the deviations of the means."""
    return spec["explorer"] in {"ucb", "thompson"}


def explored(spec: Mapping[str, Any], estimates: Estimates) -> list[float]:
    """Return the pmf of a spec's explorer."""
    function, own = EXPLORERS[spec["explorer"]]
    return function(estimates, *[spec[setting.name] for setting in own])
