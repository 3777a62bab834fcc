"""Wrap a policy whose dump is lossy so that it resumes bit for bit.

Owns the wrapper around learners whose saved state is not all of their state (bag,
cover, rnd, doubly robust costs). It reloads the inner policy from its own dump
after every 64th example, so that the reloads are part of the learning itself, and
dumps the last such checkpoint with the examples since. A policy that loads this dump
learns the same examples from the same bytes, so its state is a function of the log.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from policies.adapters import DelegatingPolicy
from policies.base import Action, Context, Policy, PolicyError, RewardRange
from policies.envelope import seal, spec_digest, unseal
from policies.examples import Example, packed_actions, unpacked_actions
from policies.vw.explorers import resumes_exactly
from policies.vw.policy import VwPolicy

EVERY = 64
"""Examples between two reloads; a load learns at most 63 of them again.

Stored states depend on it, since the reloads are part of the learning: to change it,
raise envelope.FORMAT too."""


class _State(msgspec.Struct, array_like=True):
    """A checkpoint, None before the first one, and the examples since, as JSON."""

    checkpoint: bytes | None
    since: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class CheckpointedPolicy(DelegatingPolicy):
    """A policy that is reloaded at fixed counts of its examples."""

    def __init__(
        self,
        build: Callable[[], Policy],
        spec: Mapping[str, Any],
        reward_range: RewardRange,
    ) -> None:
        super().__init__(build())
        self._build = build
        self._digest = spec_digest(spec, reward_range)
        self._checkpoint: bytes | None = None
        self._since: list[Example] = []

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn from one joined decision, and reload after every 64th.

        An example that the policy refuses isn't counted.
        """
        example = Example(context, tuple(actions), chosen, propensity, reward)
        self._policy.learn(*example)
        self._since.append(example)
        # A policy that was never dumped reloads too, so that it has the same state as
        # one that resumed.
        if len(self._since) >= EVERY:
            self._checkpoint = self._policy.dump()
            self._policy = self._restored(self._checkpoint)
            self._since = []

    def dump(self) -> bytes:
        """Return the last checkpoint and the examples since."""
        state = _State(self._checkpoint, _to_json(self._since))
        return seal(self._digest, _encode(state))

    def load(self, state: bytes) -> None:
        """Restore the dumped checkpoint, then learn again the examples after it."""
        try:
            loaded = _decode(unseal(self._digest, state))
        except msgspec.DecodeError as error:
            raise PolicyError(f"the policy state can't be read: {error}") from error
        # Nothing is assigned before all has succeeded: a damaged state changes nothing.
        policy = self._restored(loaded.checkpoint)
        since = _from_json(loaded.since)
        for example in since:
            policy.learn(*example)
        self._policy = policy
        self._checkpoint, self._since = loaded.checkpoint, since

    def _restored(self, checkpoint: bytes | None) -> Policy:
        policy = self._build()
        if checkpoint is not None:
            policy.load(checkpoint)
        return policy


def _to_json(examples: Sequence[Example]) -> str:
    rows = [
        (dict(context), packed_actions(actions), *rest)
        for context, actions, *rest in examples
    ]
    return json.dumps(rows, separators=(",", ":"))


def _from_json(text: str) -> list[Example]:
    return [
        Example(context, unpacked_actions(actions), *rest)
        for context, actions, *rest in json.loads(text)
    ]


def build_vw(spec: Mapping[str, Any], reward_range: RewardRange) -> Policy:
    """Build a policy of kind `vw` that resumes exactly.

    It does so with every explorer and cb_type.
    """

    def build() -> Policy:
        return VwPolicy(spec, reward_range)

    if resumes_exactly(spec):
        return build()
    return CheckpointedPolicy(build, spec, reward_range)
