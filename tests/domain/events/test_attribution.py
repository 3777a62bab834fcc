"""Which rewards count for a decision, and what they make together."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.aggregates import AGGREGATES, Aggregate
from bandit_svc.domain.events.attribution import (
    Timing,
    aggregate,
    counted_rewards,
    joined_reward,
    timing,
)
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import RewardDefinition

NewReward = Callable[..., Reward]

EXPOSED_AT_MS = 1_000_000
MINUTE_MS = 60_000
# 10 s of window, then 5 s of grace.
DEFINITION = RewardDefinition(window_seconds=10.0, grace_seconds=5.0)


@pytest.mark.parametrize(
    ("occurred_after_ms", "expected"),
    [
        (-MINUTE_MS - 1, "early"),
        (-MINUTE_MS, "on_time"),
        (0, "on_time"),
        (10_000, "on_time"),
        (10_001, "late"),
    ],
)
def test_the_window_includes_both_ends_and_a_minute_of_skew(
    new_reward: NewReward, occurred_after_ms: int, expected: Timing
) -> None:
    occurred_at_ms = EXPOSED_AT_MS + occurred_after_ms
    received_at_ms = max(EXPOSED_AT_MS, occurred_at_ms)
    reward = new_reward(1.0, occurred_at_ms, received_at_ms)

    assert timing(reward, EXPOSED_AT_MS, DEFINITION) == expected


def test_a_reward_that_was_received_before_its_exposure_was_stamped_by_a_wrong_clock(
    new_reward: NewReward,
) -> None:
    at_ms = EXPOSED_AT_MS - 120 * MINUTE_MS

    assert timing(new_reward(1.0, at_ms, at_ms), EXPOSED_AT_MS, DEFINITION) == "on_time"


@pytest.mark.parametrize(
    ("received_after_ms", "expected"),
    [(10_001, "on_time"), (15_000, "on_time"), (15_001, "late")],
)
def test_a_reward_of_the_window_may_be_received_until_the_grace_ends(
    new_reward: NewReward, received_after_ms: int, expected: Timing
) -> None:
    reward = new_reward(1.0, EXPOSED_AT_MS + 10_000, EXPOSED_AT_MS + received_after_ms)

    assert timing(reward, EXPOSED_AT_MS, DEFINITION) == expected


@pytest.mark.parametrize(
    ("how", "expected"), [("first", 0.25), ("last", 0.5), ("sum", 1.5), ("max", 0.75)]
)
def test_aggregates_go_by_the_time_at_which_the_user_acted(
    new_reward: NewReward, how: Aggregate, expected: float
) -> None:
    rewards = [
        new_reward(0.75, 2, received_at_ms=3, reward_id="b"),
        new_reward(0.5, 3, received_at_ms=4, reward_id="c"),
        new_reward(0.25, 1, received_at_ms=9, reward_id="a"),
    ]

    assert aggregate(rewards, how) == expected


rewards_of_one_decision = st.lists(
    st.builds(
        Reward,
        decision_id=st.just("d"),
        number=st.just(1),
        value=st.floats(-1e9, 1e9),
        reward_id=st.text(max_size=3),
        occurred_at_ms=st.integers(EXPOSED_AT_MS - 3, EXPOSED_AT_MS + 3),
        received_at_ms=st.integers(EXPOSED_AT_MS - 3, EXPOSED_AT_MS + 3),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda reward: reward.reward_id,
)
definitions = st.builds(
    RewardDefinition,
    aggregate=st.sampled_from(sorted(AGGREGATES)),
    learn_on=st.sampled_from(["maturity", "first_reward"]),
    minimum=st.just(-1e9),
    maximum=st.just(1e9),
)


@given(rewards_of_one_decision, definitions, st.data())
def test_the_joined_reward_is_independent_of_the_order_of_delivery(
    rewards: list[Reward], definition: RewardDefinition, data: st.DataObject
) -> None:
    delivered = data.draw(st.permutations(rewards))

    assert joined_reward(delivered, EXPOSED_AT_MS, definition) == joined_reward(
        rewards, EXPOSED_AT_MS, definition
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # The second one has no room.
        ((0.7, 0.7), (1.0, 2, 1)),
        ((-0.7, -0.7), (-1.0, 2, 1)),
        ((1.0, 1.0, 1.0), (1.0, 3, 2)),
        # It left the range and came back.
        ((0.7, 0.7, -0.7), (0.7, 3, 0)),
        # Each value is brought into the range first, and was counted as it came.
        ((5.0, -0.5), (0.5, 2, 0)),
        ((0.25,), (0.25, 1, 0)),
    ],
)
def test_values_and_their_aggregate_are_brought_into_the_range(
    new_reward: NewReward, values: tuple[float, ...], expected: tuple[float, int, int]
) -> None:
    definition = RewardDefinition(aggregate="sum", minimum=-1.0, maximum=1.0)
    rewards = [
        new_reward(value, EXPOSED_AT_MS + i, reward_id=str(i))
        for i, value in enumerate(values)
    ]

    found = joined_reward(rewards, EXPOSED_AT_MS, definition)

    assert found == pytest.approx(expected)


def test_silence_gives_the_default_reward(new_reward: NewReward) -> None:
    definition = RewardDefinition(minimum=-1.0, default=-0.5)
    late = new_reward(1.0, EXPOSED_AT_MS + definition.window_ms + 1)

    assert joined_reward([], EXPOSED_AT_MS, definition) == (-0.5, 0, 0)
    assert joined_reward([late], EXPOSED_AT_MS, definition) == (-0.5, 0, 0)


def test_a_decision_learned_on_its_first_reward_counts_none_received_after_it(
    new_reward: NewReward,
) -> None:
    definition = RewardDefinition(learn_on="first_reward")
    before = new_reward(0.1, EXPOSED_AT_MS, EXPOSED_AT_MS + 1, metric="seconds")
    first = new_reward(0.25, EXPOSED_AT_MS + 1, EXPOSED_AT_MS + 2, reward_id="a")
    second = new_reward(0.5, EXPOSED_AT_MS, EXPOSED_AT_MS + 3, reward_id="b")
    after = new_reward(0.1, EXPOSED_AT_MS, EXPOSED_AT_MS + 3, metric="views")
    rewards = [second, after, first, before]

    assert counted_rewards(rewards, EXPOSED_AT_MS, definition) == [first, before]
    # However late the learner looks, so that a restart changes nothing.
    assert joined_reward([second, first], EXPOSED_AT_MS, definition) == (0.25, 1, 0)


def test_a_first_reward_that_does_not_count_closes_nothing(
    new_reward: NewReward,
) -> None:
    definition = RewardDefinition(learn_on="first_reward")
    early = new_reward(1.0, EXPOSED_AT_MS - MINUTE_MS - 1, EXPOSED_AT_MS, reward_id="a")
    on_time = new_reward(0.5, EXPOSED_AT_MS + 5, reward_id="b")

    assert joined_reward([early, on_time], EXPOSED_AT_MS, definition) == (0.5, 1, 0)
