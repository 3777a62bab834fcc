"""Simulated visitors: their contexts, their delays, and their reactions.

Owns the draws of one visit, all made before the decision is requested, so that one
seed gives the same visitors whatever is shown to them. Sends nothing.
"""

from dataclasses import dataclass

import numpy as np

from policies.base import Context
from simulators.delays import Channel, Delay, Delivery, Exponential, LogNormal
from simulators.environment import (
    FloatArray,
    World,
    draw_rewards,
    expected_rewards,
)

SEEN_AFTER = Exponential(0.3, cap_s=3.0)


@dataclass(frozen=True)
class Habits:
    """The behaviour of visitors, in shares and in seconds."""

    channel: Channel
    users: int = 20_000
    deferred_share: float = 0.05
    """Share of decisions that are requested ahead, as for content below the fold."""
    unseen_share: float = 0.2
    """Share of the deferred decisions that never come into view."""
    seen_after: Delay = SEEN_AFTER


def habits_for(window_s: float) -> Habits:
    """Return habits with delays for a reward window, so that most acts are in time.

    The mean delay is a fifth of the window, at most 2 s. Then 0.7 % of the acts are
    too late, 1 % of the rewards are lost, 5 % arrive twice, and 3 % are delayed so
    that later ones arrive first.
    """
    mean_s = min(window_s / 5.0, 2.0)
    return Habits(
        Channel(
            acts=Exponential(mean_s, cap_s=1.5 * window_s),
            travels=LogNormal(median_s=0.02 * mean_s, sigma=1.5, cap_s=mean_s),
            lost_share=0.01,
            duplicated_share=0.05,
            overtaken_share=0.03,
            hold_back_s=0.3 * mean_s,
        )
    )


@dataclass(frozen=True)
class Visit:
    """One visit, with all of its random draws."""

    index: int
    unit_id: str
    context: Context
    expected: FloatArray
    """Shape (n_actions,), the true mean reward of each variant."""
    rewards: FloatArray
    """Shape (n_actions,), the reward if a variant is shown; 0 where nobody acts."""
    deferred: bool
    seen_after_s: float | None
    """Seconds until the variant comes into view; None if it never does."""
    deliveries: tuple[Delivery, ...]
    """The deliveries of a reward; empty if it would be lost."""


class Visitors:
    """Draws visits in sequence from one seed."""

    def __init__(self, world: World, habits: Habits, seed: int) -> None:
        self._world = world
        self._habits = habits
        self._rng = np.random.default_rng(seed)
        self._count = 0

    def next_visit(self) -> Visit:
        """Draw the next visit."""
        index = self._count
        self._count += 1
        rng, habits = self._rng, self._habits
        context = self._world.draw_context(rng, index)
        user, act_draw, deferred, unseen = rng.random(4)
        seen_after_s = habits.seen_after.draw_s(rng)
        deliveries = tuple(habits.channel.deliveries(rng))
        expected = expected_rewards(self._world, context, index)
        rewards = draw_rewards(self._world, context, expected, float(act_draw), rng)
        is_deferred = bool(deferred < habits.deferred_share)
        if not is_deferred:
            seen: float | None = 0.0
        else:
            seen = None if unseen < habits.unseen_share else seen_after_s
        return Visit(
            index=index,
            unit_id=f"user-{int(user * habits.users)}",
            context=context,
            expected=expected,
            rewards=rewards,
            deferred=is_deferred,
            seen_after_s=seen,
            deliveries=deliveries,
        )
