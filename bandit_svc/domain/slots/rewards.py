"""What a page and each of its slots earned.

Owns how the rewards of a page are counted. What is reported for a slot counts for that
slot. What is reported for the page counts once. The page's reward is their sum, brought
into the declared range; the default reward is of a page for which nothing was reported.

A slot learns from its own reward and an equal share of the page's, so that all slots
together learn from the page's reward once. Estimates of whole pages take what was
reported for the page as earned by the last slot, which all others stand above. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bandit_svc.domain.events.attribution import ROUNDING, JoinedReward, joined_reward
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import RewardDefinition


class PageReward(NamedTuple):
    """The reward of a closed page.

    Attributes:
        joined: of the page, of all that was reported.
        parts: what was reported for the page, and then for each slot.
    """

    joined: JoinedReward
    parts: tuple[float, ...]


def page_reward(
    whole: Sequence[Reward],
    slots: Mapping[int, Sequence[Reward]],
    count: int,
    exposed_at_ms: int,
    definition: RewardDefinition,
) -> PageReward:
    """Return the reward of a page.

    Args:
        whole: rewards of the main metric that name the page.
        slots: those that name a slot, by its number.
        count: of the slots.
        exposed_at_ms: when the page was shown.
        definition: of its experiment.
    """
    found = [
        joined_reward(rewards, exposed_at_ms, definition)
        for rewards in (whole, *(slots.get(at, ()) for at in range(1, count + 1)))
    ]
    counted = sum(one.counted for one in found)
    if not counted:
        nothing = (0.0,) * count
        return PageReward(
            JoinedReward(definition.default), (definition.default, *nothing)
        )
    parts = tuple([one.value if one.counted else 0.0 for one in found])
    total = sum(parts)
    value = definition.clip(total)
    crowded = abs(total - value) > ROUNDING * max(1.0, abs(total))
    clipped = sum(one.clipped for one in found) + crowded
    return PageReward(JoinedReward(value, counted, clipped), parts)


def learned_reward(
    parts: Sequence[float], slot: int, definition: RewardDefinition
) -> float:
    """Return what a slot learns from: its own reward and its share of the page's.

    Args:
        parts: of the page, as of PageReward.
        slot: from 1 on.
        definition: whose range it is brought into.
    """
    return definition.clip(parts[slot] + parts[0] / (len(parts) - 1))


def earned_reward(parts: Sequence[float], slot: int) -> float:
    """Return what a slot adds to its page: the last one, all that is the page's."""
    last = len(parts) - 1
    return parts[slot] + parts[0] if slot == last else parts[slot]
