"""Policies that are built on another one.

Owns the delegation of the Policy protocol, so that a class which changes one method of
a policy declares that method alone.
"""

from collections.abc import Sequence

from policies.base import Action, Chooser, Context, Policy


class DelegatingPolicy:
    """Passes every call on to another policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the other policy's probabilities."""
        return self._policy.pmf(context, actions)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Teach the other policy."""
        self._policy.learn(context, actions, chosen, propensity, reward)

    def dump(self) -> bytes:
        """Return the other policy's state."""
        return self._policy.dump()

    def load(self, state: bytes) -> None:
        """Replace the other policy's state."""
        self._policy.load(state)


class FrozenPolicy:
    """The probabilities of something that chooses; it learns nothing, has no state."""

    def __init__(self, chooser: Chooser) -> None:
        self.pmf = chooser.pmf

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn nothing."""

    def dump(self) -> bytes:
        """Return no bytes: there is no state to resume from."""
        return b""

    def load(self, state: bytes) -> None:
        """Ignore the state."""
