"""Decide which rewards count for a decision.

Owns the attribution rule: window, skew, lateness, aggregate, default reward.
Pure functions: no clock, no storage. services.learning.join calls them when a decision
closes.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from bandit_svc.domain.aggregates import AGGREGATES, Aggregate
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.experiment import RewardDefinition
from bandit_svc.domain.limits import CLOCK_SKEW_MS

Timing = Literal["on_time", "early", "late"]
ROUNDING = 1e-9
"""A sum that leaves the range by this share of itself does so by rounding."""


def timing(reward: Reward, exposed_at_ms: int, definition: RewardDefinition) -> Timing:
    """Return where a reward falls with respect to the window of its decision.

    Both ends belong to the window. A reward up to a minute before the exposure is
    on time, since clocks differ. A reward is late if it occurred after the window or
    was received after the decision closed. One that was received before its decision
    was exposed shows that the machine's clock was set back meanwhile, since its caller
    knew the decision: no stamp says that it came too early, so it is on time.
    """
    if reward.received_at_ms < exposed_at_ms - CLOCK_SKEW_MS:
        return "on_time"
    if reward.occurred_at_ms < exposed_at_ms - CLOCK_SKEW_MS:
        return "early"
    if reward.occurred_at_ms > exposed_at_ms + definition.window_ms:
        return "late"
    if reward.received_at_ms > exposed_at_ms + definition.closes_after_ms:
        return "late"
    return "on_time"


def counted_rewards(
    rewards: Sequence[Reward], exposed_at_ms: int, definition: RewardDefinition
) -> list[Reward]:
    """Return the rewards of a closed decision that count, of every metric.

    Where the first reward closes the decision, what was received after it does
    not count, however late the learner came to join the two.
    """
    on_time = [r for r in rewards if timing(r, exposed_at_ms, definition) == "on_time"]
    if definition.closes_at_first_reward:
        main = [r.received_at_ms for r in on_time if r.metric == MAIN_METRIC]
        if main:
            return [r for r in on_time if r.received_at_ms <= min(main)]
    return on_time


def aggregate(rewards: Sequence[Reward], how: Aggregate) -> float:
    """Return one number for the rewards that count; there is at least one."""
    return AGGREGATES[how].of([reward.value for reward in _in_order(rewards)])


def _in_order(rewards: Sequence[Reward]) -> list[Reward]:
    """Return rewards in the order in which the user acted.

    The time of receipt and then the reward_id break ties, so that nothing depends on
    the order of delivery.
    """
    return sorted(
        rewards, key=lambda r: (r.occurred_at_ms, r.received_at_ms, r.reward_id)
    )


class JoinedReward(NamedTuple):
    """The reward of a closed decision.

    Attributes:
        counted: the number of reports in it; at 0 the value is the default reward.
        clipped: how many of them the range had no room for, each within it by itself.
    """

    value: float
    counted: int = 0
    clipped: int = 0


def joined_reward(
    rewards: Sequence[Reward], exposed_at_ms: int, definition: RewardDefinition
) -> JoinedReward:
    """Return the reward of a closed decision.

    Each value is brought into the range, then their aggregate.

    Args:
        rewards: of one decision and the main metric, each reward_id once.
    """
    counted = counted_rewards(rewards, exposed_at_ms, definition)
    if not counted:
        return JoinedReward(definition.default)
    clip, how = definition.clip, AGGREGATES[definition.aggregate]
    values = [clip(reward.value) for reward in _in_order(counted)]
    total = how.of(values)
    clipped = crowded_out(total, accumulate(values, how.step), clip)
    return JoinedReward(clip(total), len(values), clipped)


def crowded_out(
    total: float, so_far: Iterable[float], clip: Callable[[float], float]
) -> int:
    """Return how many values a total that is clipped leaves out, wholly or in part.

    Args:
        total: of all values, of which each is within the range.
        so_far: the total after each value.
    """
    if not _is_outside(total, clip):
        return 0
    # The rounding of a running sum may hide the only one.
    return max(1, sum(_is_outside(one, clip) for one in so_far))


def _is_outside(total: float, clip: Callable[[float], float]) -> bool:
    return abs(total - clip(total)) > ROUNDING * max(1.0, abs(total))
