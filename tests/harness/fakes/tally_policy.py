"""A policy small enough to follow by hand.

Owns `TallyPolicy`.
"""

import json
from collections.abc import Sequence

from policies.base import Action, Context


class TallyPolicy:
    """Prefers the action with the most reward so far; keeps what it learned."""

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
