"""Sums and sequences of one candidate: the same bytes however they were fed."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.estimators.weights import WeightedSums
from bandit_svc.ope.progressive.weighted import CHUNK, WeightedRewards
from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.sequences.bounded_mean import MeanSequence

LIMIT = 10.0


def stream(count: int, seed: int = 3) -> list[tuple[float, float]]:
    """Weights of 0 or up to LIMIT, and rewards."""
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random(count) < 0.4, 0.0, rng.random(count) * LIMIT)
    rewards = rng.random(count) < 0.3
    return [(float(w), float(r)) for w, r in zip(weights, rewards, strict=True)]


def fed(rounds: list[tuple[float, float]], bound: float = LIMIT) -> WeightedRewards:
    rewards = WeightedRewards(audited=True)
    for weight, reward in rounds:
        rewards.add(weight, reward, bound)
    return rewards


@pytest.mark.parametrize("cuts", [(1,), (CHUNK,), (7, 130, 131, 400), (499,)])
def test_the_bytes_do_not_depend_on_where_somebody_began_again(
    cuts: tuple[int, ...],
) -> None:
    rounds = stream(500)
    rewards = WeightedRewards(audited=True)
    for index, (weight, reward) in enumerate(rounds):
        if index in cuts:
            rewards = WeightedRewards.decode(rewards.encode())
            rewards.summary()
        rewards.add(weight, reward, LIMIT)

    assert rewards.encode() == fed(rounds).encode()


def test_a_summary_is_what_the_whole_stream_gives_at_once() -> None:
    rounds = stream(500)
    weight, reward = np.array(rounds).T
    summary = fed(rounds).summary()
    sums, all_at_once = summary.sums, WeightedSums.of(weight, reward)
    value = ValueSequence(LIMIT).add(weight, reward)
    mean = MeanSequence(0.0, LIMIT, LIMIT).add(weight)
    (stretch,) = summary.stretches

    assert (sums.n, sums.max_weight) == (500, all_at_once.max_weight)
    assert sums.ips == pytest.approx(all_at_once.ips, abs=1e-12)
    assert sums.snips == pytest.approx(all_at_once.snips, abs=1e-12)
    assert stretch.value.from_below == pytest.approx(value.from_below, abs=1e-9)
    assert stretch.value.from_above == pytest.approx(value.from_above, abs=1e-9)
    assert stretch.mean_weight is not None
    assert stretch.mean_weight.from_below == pytest.approx(mean.from_below, abs=1e-9)


def test_nothing_bounds_the_value_of_no_decision() -> None:
    interval = WeightedRewards().summary().value_interval(0.95)

    assert (interval.lower, interval.upper) == (None, None)


def test_reading_changes_nothing() -> None:
    rewards = fed(stream(200))
    before = rewards.encode()
    rewards.summary().value_interval(0.95)

    assert rewards.encode() == before


def test_the_size_does_not_grow_with_the_log() -> None:
    # Zeros and chunks are of a few bytes; one chunk may wait.
    assert len(fed(stream(20_000)).encode()) < len(fed(stream(500)).encode()) + 3_000


def test_a_bound_that_grows_begins_a_stretch_of_twice_the_bound_at_least() -> None:
    rewards = fed(stream(100))
    for bound in (LIMIT + 1, LIMIT + 2, 2 * LIMIT, 3, 100):
        rewards.add(1.0, 1.0, bound)

    assert [s.limit for s in rewards.stretches] == [LIMIT, 2 * LIMIT, 100.0]
    assert [s.n for s in rewards.stretches] == [100, 4, 1]


def test_the_interval_over_two_stretches_is_the_weighted_mean_of_both() -> None:
    rewards = fed(stream(300))
    for weight, reward in stream(100, seed=4):
        rewards.add(weight, reward, 5 * LIMIT)
    first, second = (s.whole().value for s in rewards.stretches)
    # The first gets 0.9 of the risk, the second 0.9 of what is left.
    one, two = first.interval(1 - 0.045), second.interval(1 - 0.0045)
    pooled = rewards.summary().value_interval(0.95)

    assert one.lower is not None
    assert two.lower is not None
    assert pooled.lower == pytest.approx(0.75 * one.lower + 0.25 * two.lower)
    assert one.upper is not None
    assert two.upper is not None
    assert pooled.upper == pytest.approx(0.75 * one.upper + 0.25 * two.upper)


def test_a_weight_over_its_bound_by_rounding_counts_as_the_bound() -> None:
    rewards = WeightedRewards()
    for _ in range(CHUNK):
        rewards.add(LIMIT * (1 + 1e-7), 1.0, LIMIT)

    assert rewards.summary().sums.max_weight == LIMIT


@pytest.mark.parametrize("damaged", [b"", b"\x00", fed(stream(9)).encode()[:-3]])
def test_damaged_bytes_are_refused(damaged: bytes) -> None:
    with pytest.raises(LoggedDataError):
        WeightedRewards.decode(damaged)
