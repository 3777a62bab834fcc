"""Betting sequences: their arithmetic, their limits, and that they tell the truth."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.bets import Bets
from bandit_svc.ope.sequences.betting import ValueSequence


def ends(interval: Interval) -> tuple[float, float]:
    assert interval.lower is not None
    assert interval.upper is not None
    return interval.lower, interval.upper


def stream(seed: int, n: int) -> tuple[FloatArray, FloatArray]:
    """Weights 0 and 5 (mean 1), rewards of mean 0.3."""
    generator = np.random.default_rng(seed)
    weight = np.where(generator.random(n) < 0.2, 5.0, 0.0)
    return weight, (generator.random(n) < 0.3).astype(float)


def test_capital_by_hand() -> None:
    bets = Bets(np.array([1.0, 3.0]), np.log([0.25, 0.75]), np.zeros(2))
    sums = bets.logs(np.array([[0.5], [1.0]])).sum(axis=0)

    found = bets.log_capital(sums[None, :], np.array([2.0]), np.array([0.25]))

    # By hand: (1.5 * 2) / 1.25² for bets of 1, (2.5 * 4) / 1.75² for bets of 3.
    assert math.exp(found[0]) == pytest.approx(0.25 * 3 / 1.5625 + 0.75 * 10 / 3.0625)


def test_a_mean_is_refuted_where_the_capital_reaches_one_over_the_risk() -> None:
    bets = Bets.around(0.2)
    sums = bets.logs(np.ones((50, 1))).sum(axis=0)[None, :]
    n = np.array([50.0])

    limit = bets.refuted_below(sums, n, 1.0, 0.05)

    assert bets.log_capital(sums, n, limit)[0] == pytest.approx(math.log(20), abs=1e-9)


def test_the_prior_of_the_bets_is_a_distribution() -> None:
    assert np.exp(Bets.around(0.2).log_prior).sum() == pytest.approx(1)
    halves = Bets.joined([(0.5, Bets.around(0.2)), (0.5, Bets.around(2.0))])
    assert np.exp(halves.log_prior).sum() == pytest.approx(1)


@pytest.mark.parametrize("max_weight", [1.0, 5.0, 50.0, math.inf])
def test_nothing_seen_bounds_nothing_but_the_range(max_weight: float) -> None:
    sequence = ValueSequence(max_weight, reward_minimum=-1, reward_maximum=3)

    assert sequence.interval() == Interval(-1, 3)


@pytest.mark.parametrize("max_weight", [5.0, math.inf])
def test_the_interval_holds_the_mean_and_shrinks(max_weight: float) -> None:
    weight, reward = stream(1, 20_000)
    lower, upper = ValueSequence(max_weight).over(
        weight, reward, np.array([100, 1_000, 20_000])
    )

    assert np.all((lower < 0.3) & (upper > 0.3))
    assert np.all(np.diff(upper - lower) < 0)
    assert upper[-1] - lower[-1] < 0.1


def test_higher_confidence_is_wider() -> None:
    sequence = ValueSequence(5.0).add(*stream(1, 1_000))
    narrow, wide = ends(sequence.interval(0.9)), ends(sequence.interval(0.99))

    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_rewards_upside_down_have_the_interval_upside_down_on_policy() -> None:
    reward = stream(1, 1_000)[1]
    one = np.ones(1_000)
    lower, upper = ends(ValueSequence(1.0).add(one, reward).interval())
    mirrored = ends(ValueSequence(1.0).add(one, 1 - reward).interval())

    assert mirrored == pytest.approx((1 - upper, 1 - lower), abs=1e-9)


def test_rewards_in_other_units_have_the_interval_in_those_units() -> None:
    weight, reward = stream(1, 1_000)
    lower, upper = ends(ValueSequence(5.0).add(weight, reward).interval())
    scaled = ValueSequence(5.0, reward_minimum=-10, reward_maximum=30)

    found = ends(scaled.add(weight, 40 * reward - 10).interval())

    assert found == pytest.approx((40 * lower - 10, 40 * upper - 10), abs=1e-9)


def test_one_by_one_in_parts_and_at_once_are_the_same() -> None:
    weight, reward = stream(2, 300)
    whole = ValueSequence(5.0).add(weight, reward)
    streamed = ValueSequence(5.0)
    for w, r in zip(weight, reward, strict=True):
        streamed = streamed.add(float(w), float(r))
    merged = (
        ValueSequence(5.0)
        .add(weight[:100], reward[:100])
        .merge(ValueSequence(5.0).add(weight[100:], reward[100:]))
    )
    lower, upper = (
        ValueSequence(5.0)
        .add(weight[:50], reward[:50])
        .over(weight[50:], reward[50:], np.array([250]))
    )

    assert whole.n == streamed.n == merged.n == 300
    expected = pytest.approx(ends(whole.interval()), abs=1e-9)
    assert ends(streamed.interval()) == expected
    assert ends(merged.interval()) == expected
    assert (lower[0], upper[0]) == expected


@pytest.mark.parametrize("max_weight", [5.0, math.inf])
def test_a_state_survives_json_to_the_last_bit(max_weight: float) -> None:
    sequence = ValueSequence(max_weight, -1, 2).add(*stream(3, 100))

    restored = ValueSequence.from_dict(json.loads(json.dumps(sequence.to_dict())))

    assert restored.to_dict() == sequence.to_dict()
    assert restored.interval() == sequence.interval()


def test_the_state_of_another_version_is_refused() -> None:
    state = ValueSequence(5.0).to_dict() | {"from_below": [0.0, 1.0]}

    with pytest.raises(LoggedDataError, match=r"from_below has shape \(2,\)"):
        ValueSequence.from_dict(state)


def test_capital_against_claims_is_what_the_interval_is_made_of() -> None:
    weight, reward = stream(4, 500)
    start = ValueSequence(5.0)
    lower, upper = start.over(weight, reward, np.array([500]))

    higher, _ = start.log_capitals(weight, reward, np.full(500, lower[0]))
    _, less = start.log_capitals(weight, reward, np.full(500, upper[0]))

    assert higher[-1] == pytest.approx(math.log(40), abs=1e-5)
    assert less[-1] == pytest.approx(math.log(40), abs=1e-5)


def test_ends_that_contradict_each_other_give_the_whole_range() -> None:
    # Weights that are 3 on average can't come from true propensities.
    n = 2_000
    sequence = ValueSequence(5.0).add(np.full(n, 3.0), np.tile([0.0, 1.0], n // 2))

    assert sequence.interval() == Interval(0, 1)


def test_a_log_that_pays_more_than_the_range_allows_gives_the_whole_range() -> None:
    sequence = ValueSequence(5.0).add(np.full(2_000, 3.0), np.ones(2_000))

    assert sequence.interval() == Interval(0, 1)


def test_the_best_rewards_possible_leave_the_upper_end() -> None:
    lower, upper = ends(
        ValueSequence(1.0).add(np.ones(2_000), np.ones(2_000)).interval()
    )

    assert 0.98 < lower < 1
    assert upper == 1


@pytest.mark.parametrize(
    ("weight", "reward", "message"),
    [
        (5.1, 0.0, "largest possible weight, 5.0"),
        (-0.1, 0.0, "weights range from -0.1"),
        (math.nan, 0.0, "weights range from nan"),
        (1.0, 1.5, "rewards range from 1.5"),
        (1.0, math.nan, "rewards range from nan"),
    ],
)
def test_impossible_rounds_are_refused(
    weight: float, reward: float, message: str
) -> None:
    with pytest.raises(LoggedDataError, match=message):
        ValueSequence(5.0).add(weight, reward)


def test_impossible_declarations_are_refused() -> None:
    with pytest.raises(LoggedDataError, match=r"max_weight is 0\.5"):
        ValueSequence(0.5)
    with pytest.raises(LoggedDataError, match="the minimum must be the smaller"):
        ValueSequence(2.0, 1.0, 1.0)
    with pytest.raises(LoggedDataError, match="can't be merged"):
        ValueSequence(2.0).merge(ValueSequence(3.0))


@given(
    rounds=st.lists(
        st.tuples(st.floats(0, 20), st.floats(-1, 1)), min_size=0, max_size=30
    ),
    split=st.integers(0, 30),
)
def test_any_rounds_give_ordered_ends_in_the_range_and_merge(
    rounds: list[tuple[float, float]], split: int
) -> None:
    table = np.array(rounds).reshape(-1, 2)
    empty = ValueSequence(20.0, reward_minimum=-1)
    whole = empty.add(table[:, 0], table[:, 1])
    merged = empty.add(table[:split, 0], table[:split, 1]).merge(
        empty.add(table[split:, 0], table[split:, 1])
    )
    lower, upper = ends(whole.interval())

    assert -1 <= lower <= upper <= 1
    assert ends(merged.interval()) == pytest.approx((lower, upper), abs=1e-6)


def test_long_logs_are_counted_in_parts() -> None:
    weight, reward = stream(6, 25_000)
    halves = ValueSequence(5.0).add(weight[:9_000], reward[:9_000])
    halves = halves.add(weight[9_000:], reward[9_000:])

    whole = ValueSequence(5.0).add(weight, reward)

    assert whole.n == 25_000
    assert ends(whole.interval()) == pytest.approx(ends(halves.interval()), abs=1e-9)
