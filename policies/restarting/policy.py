"""A policy of any kind that begins again, so that old examples stop counting.

Owns when: at a fall of the rewards below what its choices are expected to bring, after
so many examples, or in turns. In turns a younger copy learns beside the served one, and
takes its place when it has learned `memory` examples: the served one has then learned
at least so many and at most twice as many. After a fall a new copy learns those of the
last examples which came since the rewards began to fall.

State is a function of the learned examples in order, like that of the copies.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from policies.adapters import DelegatingPolicy
from policies.base import Action, Context, Memory, Policy, PolicyError, RewardRange
from policies.change.settings import rules_of
from policies.envelope import seal, spec_digest, unseal
from policies.examples import Example
from policies.restarting.expectation import Expectation, PackedExpectation
from policies.restarting.recent import Recent


class _State(msgspec.Struct, frozen=True):
    """The copies' dumps, the counts, and what changes are found by.

    Attributes:
        since: examples that the served copy has learned.
        expectation: None where changes are ignored.
    """

    served: bytes
    younger: bytes | None
    count: int
    since: int
    young_since: int
    changes: int
    last_change: int | None
    expectation: PackedExpectation | None
    recent: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_State).decode


class RestartingPolicy(DelegatingPolicy):
    """Serves a copy of a policy, and replaces it by one that has learned less."""

    def __init__(
        self,
        build: Callable[[], Policy],
        spec: Mapping[str, Any],
        reward_range: RewardRange,
    ) -> None:
        super().__init__(build())
        self._build = build
        self._digest = spec_digest(spec, reward_range)
        self._rules = rules_of(spec)
        self._younger = self._fresh_younger()
        self._count = self._since = self._young_since = self._changes = 0
        self._last_change: int | None = None
        self._expectation = Expectation() if self._rules.detects else None
        self._recent = Recent()

    def _fresh_younger(self) -> Policy | None:
        return self._build() if self._rules.turns else None

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Teach both copies, and replace the served one where it is due."""
        example = Example(context, tuple(actions), chosen, propensity, reward)
        if self._expectation is not None:
            self._expectation.check(context)
        # An example that is refused here changes nothing; the younger copy is of the
        # same kind and refuses the same.
        self._policy.learn(*example)
        if self._younger is not None:
            self._younger.learn(*example)
            self._young_since += 1
        self._count += 1
        self._since += 1
        if self._has_fallen(example):
            self._changes += 1
            self._last_change = self._count
            self._begin()
        elif self._rules.reset_every and self._count % self._rules.reset_every == 0:
            self._begin()
        elif self._younger is not None and self._young_since >= self._rules.memory:
            self._policy, self._since = self._younger, self._young_since
            self._younger, self._young_since = self._fresh_younger(), 0

    def _has_fallen(self, example: Example) -> bool:
        if self._expectation is None:
            return False
        self._recent.add(example)
        context, actions, chosen, _, reward = example
        return self._expectation.add(context, actions, chosen, reward)

    def _begin(self) -> None:
        """Serve a new copy, which learns what came since a fall began, if any."""
        since: Sequence[Example] = ()
        if self._expectation is not None and self._last_change == self._count:
            since = self._recent.last(self._expectation.rising)
        self._policy, self._younger = self._build(), self._fresh_younger()
        if self._expectation is not None:
            self._expectation = Expectation()
        for example in since:
            self._policy.learn(*example)
            if self._younger is not None:
                self._younger.learn(*example)
            if self._expectation is not None:
                self._expectation.add(
                    example.context, example.actions, example.chosen, example.reward
                )
        self._since = self._young_since = len(since)

    def memory(self) -> Memory:
        """Return how much of the log counts; see the protocol."""
        return Memory(self._count, self._since, self._changes, self._last_change)

    def dump(self) -> bytes:
        """Return both copies, the counts and what changes are found by."""
        state = _State(
            served=self._policy.dump(),
            younger=self._younger.dump() if self._younger is not None else None,
            count=self._count,
            since=self._since,
            young_since=self._young_since,
            changes=self._changes,
            last_change=self._last_change,
            expectation=self._expectation.packed() if self._expectation else None,
            recent=self._recent.packed(),
        )
        return seal(self._digest, _encode(state))

    def load(self, state: bytes) -> None:
        """Replace all of it."""
        try:
            loaded = _decode(unseal(self._digest, state))
        except msgspec.DecodeError as error:
            raise PolicyError(f"the policy state can't be read: {error}") from error
        # Nothing is assigned before all has succeeded: a damaged state changes nothing.
        served = self._loaded(loaded.served)
        younger = self._loaded(loaded.younger) if loaded.younger else None
        expectation = (
            Expectation.unpacked(loaded.expectation) if loaded.expectation else None
        )
        recent = Recent.unpacked(loaded.recent)
        self._policy, self._younger = served, younger
        self._expectation, self._recent = expectation, recent
        self._count, self._since = loaded.count, loaded.since
        self._young_since = loaded.young_since
        self._changes, self._last_change = loaded.changes, loaded.last_change

    def _loaded(self, state: bytes) -> Policy:
        policy = self._build()
        policy.load(state)
        return policy
