"""How far a reward counts, and what absurd ones do."""

import pytest

from policies.change.typical import Typical


def counted(rewards: list[float]) -> tuple[list[float], list[int]]:
    """Return the rewards as they count, and where one told that others were absurd."""
    typical, values, told = Typical(), [], []
    for place, reward in enumerate(rewards):
        if typical.learn(reward):
            told.append(place)
        values.append(typical.bounded(reward))
    return values, told


def test_orders_count_in_full_though_most_visitors_buy_nothing() -> None:
    orders = [20.0, 60.0, 90.0, 45.0, 220.0] * 20
    rewards = [value for order in orders for value in [0.0] * 19 + [order]]

    assert counted(rewards) == (rewards, [])


def test_rare_rewards_count_though_frequent_ones_are_a_thousandth() -> None:
    rewards = ([0.001, 0.002] * 24 + [1.0, 1.0]) * 40

    values, _ = counted(rewards)

    assert values[-50:] == rewards[-50:]


@pytest.mark.parametrize("size", [1e9, -1e9])
def test_an_absurd_reward_counts_as_a_large_one(size: float) -> None:
    values, told = counted([0.0, 50.0, 0.0, 70.0] * 100 + [size])

    assert abs(values[-1]) < 1_000.0
    assert told == []


def test_half_of_the_last_rewards_may_be_absurd() -> None:
    values, _ = counted([0.0, 50.0, 0.0, 70.0] * 100 + [1e9] * 5)

    assert values[-1] < 1e6


@pytest.mark.parametrize("place", [0, 5, 20])
def test_an_absurd_reward_among_the_first_ones_is_told_later(place: int) -> None:
    rewards = [0.0, 0.0, 0.0, 0.0, 40.0, 0.0, 0.0, 0.0, 60.0] * 10
    rewards.insert(place, 1e9)

    values, told = counted(rewards)

    assert len(told) == 1
    assert told[0] >= place
    assert values[-1] == 60.0


def test_first_rewards_of_usual_sizes_are_not_absurd() -> None:
    assert counted([0.0, 3.0, 0.0, 20.0, 9.0, 1.0, 40.0, 0.0, 7.0])[1] == []
