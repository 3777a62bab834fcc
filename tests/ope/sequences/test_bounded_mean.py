"""The sequence for any bounded mean, and for doubly robust terms."""

import json
from dataclasses import replace

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.bounded_mean import MeanSequence


def values(seed: int, n: int) -> FloatArray:
    """Numbers in [-2, 3] of mean 0.5."""
    return np.random.default_rng(seed).choice([-2.0, 0.5, 3.0], n)


def sequence() -> MeanSequence:
    return MeanSequence(-2, 3, 4.0)


def test_nothing_seen_bounds_nothing_but_the_range() -> None:
    assert sequence().interval() == Interval(-2, 3)


def test_the_interval_holds_the_mean_and_shrinks() -> None:
    widths = []
    for n in (100, 1_000, 10_000):
        interval = sequence().add(values(1, n)).interval()
        assert interval.lower is not None
        assert interval.upper is not None
        assert interval.lower < 0.5 < interval.upper
        widths.append(interval.upper - interval.lower)

    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_one_by_one_merged_and_restored_are_the_same() -> None:
    x = values(2, 200)
    whole = sequence().add(x)
    streamed = sequence()
    for value in x:
        streamed = streamed.add(float(value))
    merged = sequence().add(x[:70]).merge(sequence().add(x[70:]))
    restored = MeanSequence.from_dict(json.loads(json.dumps(whole.to_dict())))

    assert restored.interval() == whole.interval()
    for other in (streamed, merged):
        assert other.n == 200
        assert other.interval().lower == pytest.approx(whole.interval().lower)
        assert other.interval().upper == pytest.approx(whole.interval().upper)


@pytest.mark.parametrize("value", [-2.1, 3.1, np.nan])
def test_a_value_outside_of_the_range_is_refused(value: float) -> None:
    with pytest.raises(LoggedDataError, match="between -2 and 3"):
        sequence().add(value)


def test_impossible_declarations_and_states_are_refused() -> None:
    with pytest.raises(LoggedDataError, match="the minimum must be the smaller"):
        MeanSequence(1, 1, 1.0)
    with pytest.raises(LoggedDataError, match="variance above 0"):
        MeanSequence(0, 1, 0.0)
    with pytest.raises(LoggedDataError, match="can't be merged"):
        sequence().merge(MeanSequence(-2, 3, 1.0))
    with pytest.raises(LoggedDataError, match="Compute it again"):
        MeanSequence.from_dict(sequence().to_dict() | {"from_above": [1.0]})


@pytest.mark.statistical
def test_at_most_5_percent_of_streams_ever_exclude_the_mean() -> None:
    """Seed 3, 300 streams of 2,000 doubly robust terms, 10 looks each.

    Weights 0 and 5, rewards of mean 0.3, a model that says 0.5: terms in [-2, 3],
    which is narrower than [-W, W + 1]. At a true rate of 5 % the share of 300 has a
    standard error of 1.3 %; the test allows 5 %, since betting is conservative.
    """
    generator = np.random.default_rng(3)
    wrong = 0
    for _ in range(300):
        weight = np.where(generator.random(2_000) < 0.2, 5.0, 0.0)
        terms = 0.5 + weight * ((generator.random(2_000) < 0.3) - 0.5)
        stream, ever = MeanSequence(-2, 3, 1.0), False
        for part in np.split(terms, 10):
            stream = stream.add(part)
            interval = stream.interval()
            assert interval.lower is not None
            assert interval.upper is not None
            ever |= not interval.lower <= 0.3 <= interval.upper
        wrong += ever

    assert wrong / 300 <= 0.05


def test_values_that_no_mean_explains_give_the_whole_range() -> None:
    # Sums of two different streams: all at the top, and all at the bottom.
    top, bottom = (MeanSequence(0, 1, 0.1).add(np.full(500, x)) for x in (1.0, 0.0))
    torn = replace(top, from_above=bottom.from_above)

    assert torn.interval() == Interval(0, 1)
