"""Context-free Thompson sampling with Beta posteriors and its exact pmf.

Owns the kind `thompson`. A reward r, scaled to [0, 1], adds r to the successes of the
chosen action and 1 - r to its failures. The pmf is computed by quadrature, not by
drawing, so that the logged propensity is exact.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import betainc, betaincinv, betaln, ndtr, xlog1py, xlogy

from policies.base import Action, Context, RewardRange, check_actions
from policies.change.settings import LATER_SETTINGS
from policies.context_free.tallies import TallyingPolicy
from policies.kind import PolicyKind
from policies.maximum import (
    NORMAL_BREAKS,
    Floats,
    largest_probabilities,
    panel_breaks,
    panel_nodes,
    spread,
)
from policies.settings import Number

CACHED_PMFS = 256

_BREAK_LEVELS = ndtr(NORMAL_BREAKS)


class ThompsonPolicy(TallyingPolicy):
    """Chooses each action with the probability that its mean reward is the largest."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        super().__init__(spec, reward_range)
        self._prior = (spec["prior_successes"], spec["prior_failures"])
        self._pmfs: dict[tuple[str, ...], list[float]] = {}

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the probability that each action is the best; ignores the context."""
        del context
        check_actions(len(actions))
        # The quadrature costs far more than a look-up, and the tallies change only when
        # the policy learns.
        keys = tuple([action.key for action in actions])
        known = self._pmfs.get(keys)
        if known is None:
            if len(self._pmfs) >= CACHED_PMFS:
                self._pmfs.clear()
            known = self._pmfs[keys] = self._largest(keys)
        return list(known)

    def _changed(self) -> None:
        self._pmfs.clear()

    def _largest(self, keys: Sequence[str]) -> list[float]:
        tallies = [self._tallies.of(key) for key in keys]
        # Rewards between 0 and 1 count as a share of a success (Agrawal and Goyal 2012
        # draw a Bernoulli variable instead; a draw would not be reproducible here).
        successes, failures = self._prior
        return largest_beta(
            np.array([successes + tally.total for tally in tallies]),
            np.array([failures + tally.count - tally.total for tally in tallies]),
        )


def largest_beta(alphas: Floats, betas: Floats) -> list[float]:
    """Return the probability that each independent Beta variable is the largest.

    Integrates over t with x = sin(t)^2, where a density with a parameter as low as
    0.5 has no pole. Panels end at quantiles of each variable, so that no panel is wide
    compared with any variable.

    Args:
        alphas: shape (K,), each at least 0.5.
        betas: shape (K,), each at least 0.5.

    Returns:
        Shape (K,), sums to 1.
    """
    ends = np.arcsin(
        np.sqrt(betaincinv(alphas[:, None], betas[:, None], _BREAK_LEVELS))
    )
    hopeful, breaks = panel_breaks(ends)
    angles, weights = panel_nodes(breaks)
    a, b = alphas[hopeful, None], betas[hopeful, None]
    x = np.sin(angles) ** 2
    # The density of t: f(x) dx/dt = 2 x^(a - 1/2) (1 - x)^(b - 1/2) / B(a, b).
    logs = xlogy(a - 0.5, x) + xlog1py(b - 0.5, -x) - betaln(a, b)
    chances = largest_probabilities(2.0 * np.exp(logs), betainc(a, b, x), weights)
    return spread(hopeful, chances, len(alphas))


KIND = PolicyKind(
    name="thompson",
    summary=(
        "ignores the context; chooses each variant with the probability that its mean "
        "reward is the best"
    ),
    build=ThompsonPolicy,
    settings=(
        Number(
            "prior_successes",
            1.0,
            "rewards of 1 (scaled to 0 to 1) assumed of each variant",
            0.5,
            1e6,
        ),
        Number(
            "prior_failures",
            1.0,
            "rewards of 0 (scaled to 0 to 1) assumed of each variant",
            0.5,
            1e6,
        ),
    ),
    later=LATER_SETTINGS,
    examples=(
        {"kind": "thompson"},
        {"kind": "thompson", "prior_successes": 0.5, "prior_failures": 0.5},
        {"kind": "thompson", "change": "detect", "reset_every": 50},
    ),
)
