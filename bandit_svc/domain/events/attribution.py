"""Decide which rewards count for a decision.

Owns the attribution rule: window, skew, lateness, aggregate, default reward.
Pure functions: no clock, no storage. services.learning.join calls them when a decision
closes.
"""

from collections.abc import Sequence
from typing import Literal

from bandit_svc.domain.aggregates import AGGREGATES, Aggregate
from bandit_svc.domain.events.reward import MAIN_METRIC, Reward
from bandit_svc.domain.experiment import RewardDefinition
from bandit_svc.domain.limits import CLOCK_SKEW_MS

Timing = Literal["on_time", "early", "late"]


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
    """Return one number for the rewards that count; there is at least one.

    They are ordered by `occurred_at_ms`; the time of receipt and then the reward_id
    break ties, so that the result does not depend on the order of delivery.
    """
    ordered = sorted(
        rewards, key=lambda r: (r.occurred_at_ms, r.received_at_ms, r.reward_id)
    )
    return AGGREGATES[how].of([reward.value for reward in ordered])


def joined_reward(
    rewards: Sequence[Reward], exposed_at_ms: int, definition: RewardDefinition
) -> tuple[float, int]:
    """Return the reward of a closed decision and the number of reports in it.

    Args:
        rewards: of one decision and the main metric, each reward_id once.

    Returns:
        The clipped aggregate and the count, or the default reward and 0.
    """
    counted = counted_rewards(rewards, exposed_at_ms, definition)
    if not counted:
        return definition.default, 0
    return definition.clip(aggregate(counted, definition.aggregate)), len(counted)
