"""Delays and mishaps: their distributions, and that they are seeded."""

import numpy as np
import pytest

from simulators.delays import Channel, Delay, Exponential, LogNormal

N_DRAWS = 20_000


def drawn(delay: Delay, seed: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    return np.array([delay.draw_s(rng) for _ in range(N_DRAWS)])


@pytest.mark.statistical
def test_exponential_delays_have_their_mean() -> None:
    """20,000 draws of mean 30 s, seed 11: the mean's standard error is 0.21 s.

    The test allows 0.85 s, four standard errors: a correct draw fails for one
    seed in 16,000.
    """
    assert drawn(Exponential(30.0), seed=11).mean() == pytest.approx(30.0, abs=0.85)


@pytest.mark.statistical
def test_half_of_lognormal_delays_are_within_the_median() -> None:
    """20,000 draws, seed 12: a share of 0.5 has a standard error of 0.0035.

    The test allows 0.014, four standard errors.
    """
    waits = drawn(LogNormal(median_s=5.0, sigma=1.5), seed=12)

    assert (waits <= 5.0).mean() == pytest.approx(0.5, abs=0.014)


@pytest.mark.parametrize(
    "delay",
    [
        Exponential(30.0, cap_s=20.0),
        LogNormal(10.0, 2.0, cap_s=20.0),
    ],
)
def test_a_cap_cuts_longer_waits_to_itself(delay: Delay) -> None:
    waits = drawn(delay, seed=14)

    assert waits.max() == 20.0
    assert waits.min() >= 0.0


def test_equal_generators_draw_equal_deliveries() -> None:
    channel = Channel(Exponential(3.0), Exponential(1.0), 0.2, 0.3, 0.4, 9.0)
    first, second = np.random.default_rng(1), np.random.default_rng(1)

    deliveries = [channel.deliveries(first) for _ in range(50)]

    assert deliveries == [channel.deliveries(second) for _ in range(50)]


@pytest.mark.statistical
def test_lost_and_duplicated_rewards_have_their_shares() -> None:
    """20,000 rewards, seed 15, 20 % lost; of the rest 30 % arrive twice.

    Standard errors are 0.0028 and, of the remaining 16,000, 0.0036; the test
    allows four of each.
    """
    channel = Channel(Exponential(1.0), lost_share=0.2, duplicated_share=0.3)
    rng = np.random.default_rng(15)

    counts = np.bincount([len(channel.deliveries(rng)) for _ in range(N_DRAWS)])

    assert counts[0] / N_DRAWS == pytest.approx(0.2, abs=0.0113)
    assert counts[2] / (counts[1] + counts[2]) == pytest.approx(0.3, abs=0.0145)


def test_no_delivery_arrives_before_the_act_and_copies_share_its_time() -> None:
    channel = Channel(Exponential(3.0), Exponential(1.0), duplicated_share=1.0)
    rng = np.random.default_rng(2)

    for _ in range(200):
        first, copy = channel.deliveries(rng)
        assert first.occurred_after_s == copy.occurred_after_s
        assert first.occurred_after_s <= first.arrives_after_s <= copy.arrives_after_s


def test_a_held_back_reward_arrives_later_by_the_hold() -> None:
    held = Channel(Exponential(3.0), overtaken_share=1.0, hold_back_s=9.0)
    rng = np.random.default_rng(2)

    (delivery,) = held.deliveries(rng)

    assert delivery.arrives_after_s == delivery.occurred_after_s + 9.0
