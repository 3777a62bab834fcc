"""How often each action was learned from, and the sum of its scaled rewards.

Owns the state of the context-free policies. Knows nothing of pmfs.
"""

from typing import Self

import msgspec


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """What one action brought: `total` is the sum of rewards scaled to [0, 1]."""

    count: int = 0
    total: float = 0.0


_NONE = Tally()


class Tallies(msgspec.Struct):
    """A tally for each action key, in the order of first learning.

    `all` is kept beside, since adding the tallies up anew would round differently.
    """

    all: Tally = _NONE
    by_key: dict[str, Tally] = msgspec.field(default_factory=dict)

    def of(self, key: str) -> Tally:
        """Give the tally of an action, an empty one if it was never learned."""
        return self.by_key.get(key, _NONE)

    def add(self, key: str, scaled_reward: float) -> None:
        """Count one reward of an action."""
        old = self.of(key)
        self.by_key[key] = Tally(old.count + 1, old.total + scaled_reward)
        self.all = Tally(self.all.count + 1, self.all.total + scaled_reward)

    def dump(self) -> bytes:
        """Give all tallies as bytes; floats are kept to the last bit."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def loaded(cls, payload: bytes) -> Self:
        """Build the tallies that `dump` gave."""
        return msgspec.msgpack.decode(payload, type=cls)
