"""What one policy earns more than another, bounded at every look."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.sequences.paired import (
    PairedDifference,
    Term,
    paired_rows,
    paired_terms,
)

LOGGED = (0.7, 0.2, 0.1)
ONE, OTHER = (0.1, 0.8, 0.1), (0.6, 0.3, 0.1)
PREDICTED = (0.5, 0.25, 0.9)
REWARDS = (0.2, 0.4, 0.6)
RUNS, ROUNDS, LOOK_EVERY = 150, 400, 40


def test_a_term_is_the_doubly_robust_one() -> None:
    term, opposite = paired_terms((ONE, OTHER), LOGGED, PREDICTED, 1, 1.0)

    # By hand: (0.8 - 0.3) / 0.2 * (1 - 0.25) + (-0.5 * 0.5 + 0.5 * 0.25) = 1.75.
    assert term.value == pytest.approx(1.75)
    assert opposite.value == pytest.approx(-1.75)


def test_the_mean_term_is_the_difference_whatever_was_predicted() -> None:
    means = [
        sum(
            chance
            * (
                reward * paired_terms((ONE, OTHER), LOGGED, q, chosen, 1.0)[0].value
                + (1 - reward)
                * paired_terms((ONE, OTHER), LOGGED, q, chosen, 0.0)[0].value
            )
            for chosen, (chance, reward) in enumerate(zip(LOGGED, REWARDS, strict=True))
        )
        for q in (PREDICTED, (0.0, 0.0, 0.0), REWARDS)
    ]

    # By hand: -0.5 * 0.2 + 0.5 * 0.4 = 0.1.
    assert means == pytest.approx([0.1, 0.1, 0.1])


def test_equal_policies_differ_by_nothing_after_one_round() -> None:
    found = PairedDifference(50.0)
    found.add(paired_terms((ONE, ONE), LOGGED, PREDICTED, 2, 1.0))
    interval = found.interval(0.95)

    assert (found.mean, interval.lower, interval.upper) == (0.0, 0.0, 0.0)


def test_nothing_is_known_before_a_round_but_the_range() -> None:
    interval = PairedDifference(1.0).interval(0.95)

    assert (interval.lower, interval.upper) == (-1.0, 1.0)


def test_a_round_bounds_by_how_far_the_policies_are_apart() -> None:
    found = PairedDifference(50.0)
    found.add(paired_terms((ONE, OTHER), LOGGED, PREDICTED, 1, 1.0))
    interval = found.interval(0.95)

    # Half the sum of |pi - pi'| is 0.5; one round refutes nothing more.
    assert (interval.lower, interval.upper) == pytest.approx((-0.5, 0.5))


def test_a_largest_weight_that_is_none_is_refused() -> None:
    with pytest.raises(LoggedDataError, match="must be above 0"):
        PairedDifference(0.0)


@pytest.mark.statistical
@pytest.mark.parametrize("rare", [0.2, 0.01])
def test_it_holds_at_every_look_whatever_the_model_says(rare: float) -> None:
    """Seed 3; 150 runs of 400 rounds, 10 looks, largest weights 4 and 80.

    Predictions wander at random between runs of rounds, and the policies swap in the
    middle, so that the mean difference moves. At most 5 % of runs may ever miss; the
    test allows 13 runs; a true 5 % goes beyond for one seed in 50.
    Sequences of this kind keep far more than they promise (see betting.py).
    """
    rng = np.random.default_rng(3)
    logged = (1 - rare, rare)
    one, other = (0.2, 0.8), (0.9, 0.1)
    rewards = (0.3, 0.5)
    missed = 0
    for _ in range(RUNS):
        found = PairedDifference(0.8 / rare)
        total, miss = 0.0, False
        for number in range(1, ROUNDS + 1):
            pmfs = (one, other) if number <= ROUNDS // 2 else (other, one)
            predicted = tuple(rng.random(2)) if number % 3 else rewards
            chosen = int(rng.random() < rare)
            reward = float(rng.random() < rewards[chosen])
            found.add(paired_terms(pmfs, logged, predicted, chosen, reward))
            total += sum((a - b) * r for a, b, r in zip(*pmfs, rewards, strict=True))
            if number % LOOK_EVERY == 0:
                interval = found.interval(0.95)
                assert interval.lower is not None
                assert interval.upper is not None
                miss |= not interval.lower <= total / number <= interval.upper
        missed += miss

    assert missed <= 13


def test_rows_are_the_terms_of_each_round() -> None:
    """Padded with an action that was not eligible, as eligible sets differ."""
    rng = np.random.default_rng(4)
    n, k = 40, 3
    one, other, logged = rng.dirichlet(np.ones(k), (3, n))
    predicted, reward = rng.random((n, k)), rng.random(n)
    chosen = rng.integers(0, k, n)
    pad = ((0, 0), (0, 1))
    rows = paired_rows(
        (np.pad(one, pad), np.pad(other, pad)),
        np.pad(logged, pad),
        np.pad(predicted, pad, constant_values=0.5),
        chosen,
        reward,
    )

    for t in range(n):
        terms = paired_terms(
            (one[t].tolist(), other[t].tolist()),
            logged[t].tolist(),
            predicted[t].tolist(),
            int(chosen[t]),
            float(reward[t]),
        )
        assert rows[:, t] == pytest.approx(np.array(terms))


@pytest.mark.parametrize("batch", [1, 50, 300])
def test_rounds_give_the_same_bytes_however_they_were_batched(batch: int) -> None:
    rng = np.random.default_rng(5)
    n, k = 300, 4
    one, other, logged = rng.dirichlet(np.ones(k), (3, n))
    chosen, reward = rng.integers(0, k, n), rng.random(n)
    rows = paired_rows((one, other), logged, rng.random((n, k)), chosen, reward)
    one_by_one, batched = PairedDifference(20.0), PairedDifference(20.0)

    for t in range(n):
        one_by_one.add((Term(*rows[0, t].tolist()), Term(*rows[1, t].tolist())))
    for start in range(0, n, batch):
        batched.add_rows(rows[:, start : start + batch])
        batched = PairedDifference.from_bytes(batched.to_bytes())

    assert batched.to_bytes() == one_by_one.to_bytes()
    assert batched.interval(0.95) == one_by_one.interval(0.95)
    assert batched.mean == one_by_one.mean


def test_bytes_that_are_no_paired_difference_are_refused() -> None:
    stored = PairedDifference(20.0).to_bytes()

    with pytest.raises(LoggedDataError, match="at least 32"):
        PairedDifference.from_bytes(stored[:10])
    with pytest.raises(LoggedDataError, match="holds 41 sums; 42"):
        PairedDifference.from_bytes(stored[:-8])
