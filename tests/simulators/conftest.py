"""A policy small enough to follow by hand."""

import json
from collections.abc import Callable, Sequence

import pytest

from policies.base import Action, Context, Policy


class TallyPolicy:
    """Prefers the action with the most reward so far; keeps what it learned."""

    resumes_exactly = True

    def __init__(self) -> None:
        self.learned: list[tuple[int, float, float]] = []

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        del context
        totals = [0.0] * len(actions)
        for chosen, _, reward in self.learned:
            totals[chosen] += reward
        best = totals.index(max(totals))
        return [float(index == best) for index in range(len(actions))]

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        del context, actions
        self.learned.append((chosen, propensity, reward))

    def dump(self) -> bytes:
        return json.dumps(self.learned).encode()

    def load(self, state: bytes) -> None:
        self.learned = [
            (chosen, propensity, reward)
            for chosen, propensity, reward in json.loads(state)
        ]


@pytest.fixture
def build_tally() -> Callable[[], Policy]:
    """Give the builder of a fresh tally policy."""
    return TallyPolicy
