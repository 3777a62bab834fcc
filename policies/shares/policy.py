"""A policy of any kind whose variants have limits on their shares.

Owns where the prices come in, and the last learned decisions, for whose contexts they
are solved: the mean of what the policy would choose there now is kept under the limits.
The policy within learns as it would alone.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np

from policies.adapters import DelegatingPolicy
from policies.base import Action, Context, Policy, PolicyError, RewardRange
from policies.envelope import seal, spec_digest, unseal
from policies.examples import Example
from policies.restarting.recent import Recent
from policies.shares.prices import Choice, Prices
from policies.shares.settings import FLOOR, NAME, SHARES

LEAST_LEARNED = 32
"""With fewer learned decisions, each pmf alone is brought under the limits."""
OFTEN = 1_024
"""So many learned decisions long, prices are solved at every LEAST_LEARNED, and at each
multiple of SOLVED_EVERY after that. Both are functions of the log, as the bytes are."""
SOLVED_EVERY = 64


class _State(msgspec.Struct, frozen=True):
    """The dump of the policy within, and the prices with what they follow from."""

    learner: bytes
    count: int
    recent: str
    prices: list[float]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class LimitedPolicy(DelegatingPolicy):
    """Serves a policy's pmf after the prices of its variants."""

    def __init__(
        self, policy: Policy, spec: Mapping[str, Any], reward_range: RewardRange
    ) -> None:
        super().__init__(policy)
        self._digest = spec_digest(spec, reward_range)
        self._prices = Prices(spec[NAME][SHARES], spec[NAME][FLOOR])
        self._recent = Recent()
        self._count = 0

    @property
    def learner(self) -> Policy:
        """The policy within."""
        return self._policy

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the probabilities after the prices."""
        pmf = self._policy.pmf(context, actions)
        if self._count < LEAST_LEARNED:
            return self._prices.alone(actions, pmf)
        return self._prices.applied(actions, pmf)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Teach the policy within, and solve the prices anew where that is due."""
        self._policy.learn(context, actions, chosen, propensity, reward)
        # Last: an example that is refused changes nothing.
        self._recent.add(Example(context, tuple(actions), chosen, propensity, reward))
        self._count += 1
        every = LEAST_LEARNED if self._count <= OFTEN else SOLVED_EVERY
        if self._count % every == 0:
            self._prices.solve(self._choices())

    def _choices(self) -> list[Choice]:
        """Return what the policy would choose now in the last learned decisions."""
        found: list[Choice] = []
        for example in self._recent.all:
            # A context that the policy has come to refuse has no share in anything.
            with suppress(PolicyError):
                pmf = self._policy.pmf(example.context, example.actions)
                found.append((example.actions, pmf))
        return found

    def dump(self) -> bytes:
        """Return the state of the policy within, and the prices."""
        state = _State(
            learner=self._policy.dump(),
            count=self._count,
            recent=self._recent.packed(),
            prices=self._prices.values.tolist(),
        )
        return seal(self._digest, _encode(state))

    def load(self, state: bytes) -> None:
        """Replace both; see the protocol."""
        try:
            loaded = _decode(unseal(self._digest, state))
        except msgspec.DecodeError as error:
            raise PolicyError(f"the policy state can't be read: {error}") from error
        recent = Recent.unpacked(loaded.recent)
        # Nothing is assigned before this has succeeded.
        self._policy.load(loaded.learner)
        self._prices.replace(np.array(loaded.prices))
        self._recent, self._count = recent, loaded.count


def without_limits(policy: Policy) -> Policy:
    """Return the policy that learns, without the prices around it."""
    return policy.learner if isinstance(policy, LimitedPolicy) else policy
