"""Corrected bets bound the value, whatever the reward model says."""

import numpy as np
import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.sequences.corrected import (
    LARGEST_LOSS,
    CorrectedRounds,
    CorrectedSequence,
)

MEANS = np.array([0.1, 0.4, 0.7])
LOGGED = np.array([0.9, 0.05, 0.05])
TARGET = np.array([0.0, 0.5, 0.5])
VALUE = 0.55
LIMIT = 20.0


def drawn(count: int, seed: int, model: tuple[float, ...]) -> CorrectedRounds:
    """Rounds of three actions without contexts, and a model that says this of them."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(3, size=count, p=LOGGED)
    predicted = np.array(model)
    ratio = TARGET / LOGGED
    return CorrectedRounds(
        weight=ratio[chosen],
        reward=(rng.random(count) < MEANS[chosen]).astype(np.float64),
        predicted=predicted[chosen],
        direct=np.full(count, TARGET @ predicted),
        peak=np.full(count, (ratio * predicted).max()),
        mirrored_peak=np.full(count, (ratio * (1 - predicted)).max()),
    )


def width(sequence: CorrectedSequence | ValueSequence) -> float:
    interval = sequence.interval(0.95)
    assert interval.lower is not None
    assert interval.upper is not None
    assert interval.lower <= VALUE <= interval.upper
    return interval.upper - interval.lower


def test_a_bet_never_loses_more_than_its_share() -> None:
    # By hand: the worst round shows an action of weight 10 that was predicted 1 and
    # earned 0; the correction alone is 0.5 - 10 for a mean prediction of 0.5.
    worst = CorrectedRounds(
        weight=np.array([10.0]),
        reward=np.array([0.0]),
        predicted=np.array([1.0]),
        direct=np.array([0.5]),
        peak=np.array([10.0]),
        mirrored_peak=np.array([10.0]),
    )
    sums = CorrectedSequence(LIMIT).add(worst).from_below

    assert sums.min() == pytest.approx(np.log(1 - LARGEST_LOSS))
    assert np.all(sums < 0)


def test_a_model_that_is_always_0_is_ips_from_below() -> None:
    rounds = drawn(500, 1, (0.0, 0.0, 0.0))
    corrected = CorrectedSequence(LIMIT).add(rounds)
    bets = corrected.bets[0]
    plain = bets.logs((rounds.weight * rounds.reward)[:, None]).sum(axis=0)

    assert corrected.from_below == pytest.approx(plain)


def test_a_good_model_narrows_it() -> None:
    """Seed 2, 5,000 rounds; the difference between the three widths is twofold."""
    good = CorrectedSequence(LIMIT).add(drawn(5_000, 2, tuple(MEANS)))
    wrong = CorrectedSequence(LIMIT).add(drawn(5_000, 2, (0.9, 0.0, 0.1)))
    rounds = drawn(5_000, 2, tuple(MEANS))
    without = ValueSequence(LIMIT).add(rounds.weight, rounds.reward)

    assert width(good) < 0.9 * width(without)
    assert width(good) < width(wrong)


@pytest.mark.parametrize("cut", [0, 1, 128, 499])
def test_parts_add_up_to_the_whole(cut: int) -> None:
    rounds = drawn(500, 3, (0.2, 0.3, 0.9))
    fields = vars(rounds)
    first = CorrectedRounds(**{name: a[:cut] for name, a in fields.items()})
    rest = CorrectedRounds(**{name: a[cut:] for name, a in fields.items()})
    whole = CorrectedSequence(LIMIT).add(rounds)
    parts = (
        CorrectedSequence(LIMIT).add(first).merge(CorrectedSequence(LIMIT).add(rest))
    )

    assert parts.n == whole.n
    assert parts.from_below == pytest.approx(whole.from_below)
    assert parts.from_above == pytest.approx(whole.from_above)
    again = CorrectedSequence.from_dict(parts.to_dict())
    assert np.array_equal(again.from_below, parts.from_below)


def test_an_action_without_a_chance_takes_the_model_out() -> None:
    rounds = drawn(200, 4, tuple(MEANS))
    unbounded = np.full(200, np.inf)
    blind = CorrectedRounds(
        **{**vars(rounds), "peak": unbounded, "mirrored_peak": unbounded}
    )
    plain = drawn(200, 4, (0.0, 0.0, 0.0))

    assert CorrectedSequence(LIMIT).add(blind).from_below == pytest.approx(
        CorrectedSequence(LIMIT).add(plain).from_below
    )


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"peak": np.zeros(9)}, "a peak is less"),
        ({"mirrored_peak": np.zeros(9)}, "a peak is less"),
        ({"reward": np.full(9, 1.5)}, "between 0 and 1"),
        ({"direct": np.full(9, np.nan)}, "between 0 and 1"),
    ],
)
def test_rounds_that_do_not_fit_are_refused(
    changed: dict[str, np.ndarray], word: str
) -> None:
    fields = vars(drawn(9, 5, (0.2, 0.3, 0.9))) | {"weight": np.full(9, 10.0)}

    with pytest.raises(LoggedDataError, match=word):
        CorrectedRounds(**(fields | changed))


def test_a_typical_weight_of_0_is_refused() -> None:
    with pytest.raises(LoggedDataError, match="typical_weight is 0"):
        CorrectedSequence(0.0)


@pytest.mark.statistical
@pytest.mark.parametrize("model", [tuple(MEANS), (0.5, 0.5, 0.5), (1.0, 0.0, 1.0)])
def test_it_holds_at_every_look(model: tuple[float, ...]) -> None:
    """Seeds 1000 to 1599; 600 logs of 1,000 rounds, a look after every 50th.

    At most 5 % of logs may ever miss; at 5 % their share has a standard error of
    0.9 %, and the sequences keep well under it. The test allows 6 %.
    """
    missed = 0
    for seed in range(1000, 1600):
        rounds = drawn(1_000, seed, model)
        sequence = CorrectedSequence(LIMIT)
        for begin in range(0, 1_000, 50):
            part = {k: a[begin : begin + 50] for k, a in vars(rounds).items()}
            sequence = sequence.add(CorrectedRounds(**part))
            interval = sequence.interval(0.95)
            assert interval.lower is not None
            assert interval.upper is not None
            if not interval.lower <= VALUE <= interval.upper:
                missed += 1
                break

    assert missed <= 0.06 * 600
