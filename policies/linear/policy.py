"""A linear model of the reward for each action, over a short feature vector.

Owns kind `linear` with one regression an action: the way from a context to estimates
to a pmf. The columns are in `columns`, the arithmetic in `regressions`, the explorers
in `explorers`. An action's own features are ignored: each action learns by itself,
which is best for a short list of actions that stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from policies.base import (
    Action,
    Context,
    RewardRange,
    check_actions,
    check_example,
)
from policies.envelope import seal, spec_digest, unseal
from policies.linear.columns import Columns
from policies.linear.explorers import Estimates, explored
from policies.linear.regressions import Packed, Regressions


class _State(msgspec.Struct, frozen=True):
    columns: Columns
    regressions: Packed


class LinearPolicy:
    """Predicts each action's reward linearly and explores by the uncertainty."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._digest = spec_digest(spec, reward_range)
        self._reward_range = reward_range
        self._spec = dict(spec)
        self._prior = (1.0 / spec["ridge"], spec["forgetting"])
        self._columns = Columns(spec["dimensions"])
        self._regressions = Regressions(*self._prior)

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the explorer's probabilities from the estimates."""
        check_actions(len(actions))
        indices, values, unseen = self._columns.vector(context)
        means, variances = self._regressions.estimates(
            indices, values, unseen, [action.key for action in actions]
        )
        noise = self._regressions.noise
        estimates = Estimates(
            means=means,
            # Rounding can make a variance of almost 0 negative.
            deviations=np.sqrt(noise * np.maximum(variances, 0.0)),
            noise_deviation=noise**0.5,
            learned_count=self._regressions.learned_count,
        )
        return explored(self._spec, estimates)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Update the chosen action's regression; the propensity isn't used.

        A regression for each action needs no importance weights: it estimates the
        reward in a context, whatever the probability of the action there.
        """
        check_example(len(actions), chosen, propensity)
        scaled_reward = self._reward_range.scaled(reward)
        key = actions[chosen].key
        # The row is read last, since new columns and new scales are part of it.
        doublings = self._columns.admit(context)
        self._regressions.make_room(key, self._columns.width)
        self._regressions.rescale(doublings)
        indices, values, _ = self._columns.vector(context)
        self._regressions.learn(key, indices, values, scaled_reward)

    def dump(self) -> bytes:
        """Return columns and regressions."""
        packed = self._regressions.packed(self._columns.width)
        state = _State(self._columns, packed)
        return seal(self._digest, msgspec.msgpack.encode(state))

    def load(self, state: bytes) -> None:
        """Replace columns and regressions."""
        loaded = msgspec.msgpack.decode(unseal(self._digest, state), type=_State)
        width = loaded.columns.width
        self._regressions = Regressions.unpacked(
            loaded.regressions, width, *self._prior
        )
        self._columns = loaded.columns
