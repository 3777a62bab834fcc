"""Many sequences give together what each gives alone."""

import numpy as np
import pytest

from bandit_svc.ope.interval import Interval
from bandit_svc.ope.sequences.bets import PRECISION, Bets
from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.sequences.bounded_mean import MeanSequence
from bandit_svc.ope.sequences.two_sided import TwoSided, intervals


def some_sequences() -> list[TwoSided]:
    """Return sequences of several declarations, with few and many rounds. Seed 1."""
    generator = np.random.default_rng(1)
    found: list[TwoSided] = [ValueSequence(5.0), MeanSequence(0, 5, 5)]
    for n in (1, 30, 2_000, 9_000):
        weight = np.where(generator.random(n) < 0.2, 5.0, 0.0)
        reward = np.where(generator.random(n) < 0.3, 1.0, 0.0)
        found += [
            ValueSequence(5.0).add(weight, reward),
            ValueSequence().add(weight, reward),
            ValueSequence(5.0, -1, 2).add(weight, reward),
            MeanSequence(0, 5, 5).add(weight),
            ValueSequence(5.0).add(weight, 1 - reward),
        ]
    return found


def test_intervals_of_many_are_those_of_each() -> None:
    sequences = some_sequences()
    confidences = [0.9 + 0.004 * i for i in range(len(sequences))]

    together = intervals(sequences, confidences)

    for sequence, confidence, interval in zip(
        sequences, confidences, together, strict=True
    ):
        alone = sequence.interval(confidence)
        assert interval.lower == pytest.approx(alone.lower, abs=1e-12)
        assert interval.upper == pytest.approx(alone.upper, abs=1e-12)
    assert together[0] == Interval(0, 1)
    assert intervals([], []) == []


def test_a_stream_so_many_times_over_is_its_sum() -> None:
    once = ValueSequence(5.0).add([0.0, 3.0], [1.0, 0.0])

    thrice = once.repeated(3)

    assert thrice.n == 6
    assert thrice.from_below == pytest.approx(once.merge(once).merge(once).from_below)


@pytest.mark.parametrize("variance", [1e-4, 0.2, 50.0])
@pytest.mark.parametrize("value", [0.0, 1e-6, 0.3, 1.0])
def test_the_search_ends_where_halving_does(variance: float, value: float) -> None:
    bets, counts = Bets.around(variance), np.array([1.0, 20.0, 1e3, 1e6])
    sums = counts[:, None] * bets.logs(np.array([[value]]))
    low, high = np.zeros(4), np.ones(4)
    for _ in range(60):
        middle = (low + high) / 2
        refuted = bets.log_capital(sums, counts, middle) >= np.log(20)
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)

    found = bets.refuted_below(sums, counts, 1.0, 0.05)

    assert found == pytest.approx(low, abs=100 * PRECISION)
