"""Rounds of worlds like real sites, and a policy's run through them.

Owns what the worlds in `simulators` can't have: rewards that are amounts, variants that
come and go, and rewards that are learned later or never heard of. All inputs are drawn
before a policy runs, so that every policy sees the same; the true expected rewards are
known.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from policies.base import Action, Context, RewardRange
from policies.pmf import mix_floor, sample, validate_pmf
from simulators.environment import FloatArray

BoolArray = npt.NDArray[np.bool_]


class Learns(Protocol):
    """A contestant; every policy of ours is one."""

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return the chance of each action."""

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn one decision."""


@dataclass(frozen=True)
class SiteRounds:
    """The random inputs of a run; the same for every policy."""

    key: str
    actions: Sequence[Action]
    reward_range: RewardRange
    contexts: Sequence[Context]
    expected: FloatArray
    """Shape (n_rounds, n_actions), the true mean rewards."""
    rewards: FloatArray
    """Shape (n_rounds, n_actions), what each action would have brought."""
    live: Sequence[range]
    """Indices of the eligible actions, by round."""
    choice_draws: FloatArray
    """Shape (n_rounds,), uniform in [0, 1); chooses the action."""
    wait: int = 0
    """Rounds behind a decision after which it is learned."""
    heard: BoolArray | None = None
    """Shape (n_rounds,), false where a reward does not come in time; None: all do."""


@dataclass(frozen=True)
class Yardsticks:
    """Mean expected reward of what no policy knows or learns."""

    oracle: float
    """Of the best action of each round."""
    best_fixed: float
    """Of one action, the best in hindsight; where it isn't eligible, of a uniform
    draw."""
    uniform: float


def yardsticks(rounds: SiteRounds, first: int) -> Yardsticks:
    """Return the yardsticks of the first rounds."""
    eligible = np.full(rounds.expected.shape, np.nan)[:first]
    for row, live in enumerate(rounds.live[:first]):
        eligible[row, live] = rounds.expected[row, live]
    uniform = np.nanmean(eligible, axis=1)
    fixed = np.where(np.isnan(eligible), uniform[:, None], eligible)
    return Yardsticks(
        oracle=float(np.nanmax(eligible, axis=1).mean()),
        best_fixed=float(fixed.mean(axis=0).max()),
        uniform=float(uniform.mean()),
    )


def play(rounds: SiteRounds, policy: Learns, floor: float = 0.02) -> FloatArray:
    """Decide and learn with a policy through all rounds.

    Returns:
        Shape (n_rounds,), the expected reward under the served pmf.
    """
    value = np.empty(len(rounds.contexts))
    waiting: deque[tuple[Context, tuple[Action, ...], int, float, float]] = deque()
    known: dict[range, tuple[Action, ...]] = {}
    for index, context in enumerate(rounds.contexts):
        live = rounds.live[index]
        # One tuple for the same actions, as the service has it.
        if live not in known:
            known[live] = tuple(rounds.actions[place] for place in live)
        actions = known[live]
        pmf = mix_floor(policy.pmf(context, actions), floor)
        validate_pmf(pmf, len(actions), floor)
        chosen = sample(pmf, float(rounds.choice_draws[index]))
        value[index] = float(np.dot(pmf, rounds.expected[index, live]))
        reward = float(rounds.rewards[index, live[chosen]])
        if rounds.heard is not None and not rounds.heard[index]:
            reward = 0.0
        waiting.append((context, actions, chosen, pmf[chosen], reward))
        if len(waiting) > rounds.wait:
            policy.learn(*waiting.popleft())
    return value
