"""An online model of the reward of each action in each context.

Owns the predictions that doubly robust estimates and feature values rest on; it
chooses nothing. A regression that all actions share says what a context is worth,
and one for each action what it adds to that, so that an action that is seldom shown
falls back on the others, not on 0. The arithmetic stands in `regressions`, the
columns in `linear_columns`. An action's own features aren't looked at.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from policies.base import Action, Context, RewardRange, check_actions, check_example
from policies.envelope import seal, spec_digest, unseal
from policies.linear_columns import Columns
from policies.regressions import Packed, Regressions

DIMENSIONS = 64
"""The most columns; further features share the last eighth of them."""
RIDGE = 1.0
FORGETTING = 3.0
"""About the last third of the log counts; see `regressions`."""
MOST_ACTIONS = 128
"""Actions with a regression of their own; the one that was learned from longest ago
makes room for a new one. At 64 columns all of them take 4 MiB."""

SHARED = ""
_SPEC = {"kind": "reward_model", "version": 1}


class _State(msgspec.Struct, frozen=True):
    columns: Columns
    shared: Packed
    own: Packed


class RewardModel:
    """Predicts the reward of each action, learning one joined decision at a time.

    Its state is a pure function of the reward range and the learned examples in
    order: learning after `load(dump())` is bit-identical to going on. Predicting
    changes nothing. Not thread-safe.
    """

    def __init__(self, reward_range: RewardRange) -> None:
        self._reward_range = reward_range
        self._digest = spec_digest(_SPEC, reward_range)
        self._columns = Columns(DIMENSIONS)
        self._shared = Regressions(1.0 / RIDGE, FORGETTING)
        self._own = Regressions(1.0 / RIDGE, FORGETTING)

    def predict(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Give the expected reward of each action, scaled to [0, 1] and clipped.

        Returns:
            One entry an action, in the order of `actions`; 0.5 before any example.

        Raises:
            PolicyError: there is no action, or a feature is refused.
        """
        check_actions(len(actions))
        if not self._shared.learned_count:
            return [0.5] * len(actions)
        indices, values, _ = self._columns.vector(context)
        common = float(self._shared.means(indices, values, [SHARED])[0])
        own = self._own.means(indices, values, [action.key for action in actions])
        predicted: list[float] = np.clip(common + own, 0.0, 1.0).tolist()
        return predicted

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn from one joined decision; arguments are those of `Policy.learn`.

        The propensity isn't used: a regression for each action asks what the reward
        is in a context, not how often the action was chosen there.

        Raises:
            PolicyError: an argument is out of range; nothing was learned.
        """
        check_example(len(actions), chosen, propensity)
        scaled = self._reward_range.scaled(reward)
        key = actions[chosen].key
        doublings = self._columns.admit(context)
        width = self._columns.width
        self._shared.make_room(SHARED, width)
        self._own.make_room(key, width, MOST_ACTIONS)
        self._shared.rescale(doublings)
        self._own.rescale(doublings)
        indices, values, _ = self._columns.vector(context)
        common = float(self._shared.means(indices, values, [SHARED])[0])
        self._own.learn(key, indices, values, scaled - common)
        self._shared.learn(SHARED, indices, values, scaled)

    def dump(self) -> bytes:
        """Give the state as bytes: equal states give equal bytes."""
        width = self._columns.width
        state = _State(
            self._columns, self._shared.packed(width), self._own.packed(width)
        )
        return seal(self._digest, msgspec.msgpack.encode(state))

    def load(self, state: bytes) -> None:
        """Replace everything that was learned by what `dump` gave.

        Raises:
            PolicyError: the bytes are truncated, altered, or of another reward range;
                the old state is kept.
        """
        loaded = msgspec.msgpack.decode(unseal(self._digest, state), type=_State)
        width = loaded.columns.width
        prior = (1.0 / RIDGE, FORGETTING)
        self._shared = Regressions.unpacked(loaded.shared, width, *prior)
        self._own = Regressions.unpacked(loaded.own, width, *prior)
        self._columns = loaded.columns
