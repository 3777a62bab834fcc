"""Scale rewards without a declared maximum by the largest one learned so far.

Owns the policy around one whose kind needs rewards in [0, 1]. The largest reward is
part of its state, and a function of the learned examples in order, like the rest:
a replay gives the same bits. What was learned before a larger reward came keeps its
scale, so that early rewards weigh more than they should until enough others have come.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from policies.adapters import DelegatingPolicy
from policies.base import Action, Context, Policy, PolicyError, RewardRange
from policies.envelope import seal, spec_digest, unseal

_HEAD = struct.Struct(">d")


class ScaledByLargest(DelegatingPolicy):
    """A policy that learns shares of the largest reward so far."""

    def __init__(
        self, policy: Policy, spec: Mapping[str, Any], reward_range: RewardRange
    ) -> None:
        super().__init__(policy)
        self._range = reward_range
        self._digest = spec_digest(spec, reward_range)
        self._largest = 0.0

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn from one joined decision; see the protocol."""
        above = self._range.scaled(reward)
        largest = max(self._largest, above)
        share = above / largest if largest > 0 else 0.0
        self._policy.learn(context, actions, chosen, propensity, share)
        # Assigned last: an example that is refused changes nothing.
        self._largest = largest

    def dump(self) -> bytes:
        """Return the largest reward and the other policy's state."""
        return seal(self._digest, _HEAD.pack(self._largest) + self._policy.dump())

    def load(self, state: bytes) -> None:
        """Replace both; see the protocol."""
        payload = unseal(self._digest, state)
        if len(payload) < _HEAD.size:
            raise PolicyError(
                f"the policy state has {len(payload)} bytes, fewer than the "
                f"{_HEAD.size} of the largest reward"
            )
        self._policy.load(payload[_HEAD.size :])
        (self._largest,) = _HEAD.unpack_from(payload)
