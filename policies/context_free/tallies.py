"""The number of rewards of each action and the sum of them, scaled.

Owns the state of the context-free policies, and how they learn, dump and load it.
Knows nothing of pmfs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

from policies.base import Action, Context, RewardRange, check_example
from policies.envelope import seal, spec_digest, unseal


class ActionTally(msgspec.Struct, frozen=True, array_like=True):
    """An action's number of rewards, and their sum `total`, each scaled to [0, 1]."""

    count: int = 0
    total: float = 0.0


_NONE = ActionTally()


class Tallies(msgspec.Struct):
    """A tally for each action key, in the order of first learning.

    `all` is stored too: the sum of the tallies would be rounded differently.
    """

    all: ActionTally = _NONE
    by_key: dict[str, ActionTally] = msgspec.field(default_factory=dict)

    def of(self, key: str) -> ActionTally:
        """Return the tally of an action, an empty one if it was never learned."""
        return self.by_key.get(key, _NONE)

    def add(self, key: str, scaled_reward: float) -> None:
        """Add one reward of an action."""
        old = self.of(key)
        self.by_key[key] = ActionTally(old.count + 1, old.total + scaled_reward)
        self.all = ActionTally(self.all.count + 1, self.all.total + scaled_reward)

    def dump(self) -> bytes:
        """Return all tallies as bytes; floats keep their last bit."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def loaded(cls, payload: bytes) -> Self:
        """Build the tallies that `dump` returned."""
        return msgspec.msgpack.decode(payload, type=cls)


class TallyingPolicy:
    """All of a context-free policy but its pmf."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._digest = spec_digest(spec, reward_range)
        self._reward_range = reward_range
        self._tallies = Tallies()

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Add the reward to the chosen action's sums; the propensity isn't used."""
        del context
        check_example(len(actions), chosen, propensity)
        self._tallies.add(actions[chosen].key, self._reward_range.scaled(reward))
        self._changed()

    def dump(self) -> bytes:
        """Return the sums, in the order in which actions were first learned."""
        return seal(self._digest, self._tallies.dump())

    def load(self, state: bytes) -> None:
        """Replace the sums."""
        self._tallies = Tallies.loaded(unseal(self._digest, state))
        self._changed()

    def _changed(self) -> None:
        """Drop what was computed from the old tallies."""
