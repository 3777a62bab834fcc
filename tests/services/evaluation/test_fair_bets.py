"""No bet on a policy's value is worth taking if propensities are true.

By enumeration, not by simulation: over all that may come of one decision, the mean of
every bet's factor is exactly what the true value makes of it, whatever the pmfs and the
reward model are. The product over decisions is then a martingale, by which intervals
hold at every look.
"""

import numpy as np
import pytest

from bandit_svc.domain.events.decision import Decision
from bandit_svc.ope.progressive.weighing import weight_of_pmf
from bandit_svc.ope.sequences.betting import ValueSequence
from bandit_svc.ope.sequences.corrected import (
    LARGEST_LOSS,
    CorrectedRounds,
    CorrectedSequence,
)

ROUNDS = 60
Outcomes = list[tuple[float, float, CorrectedRounds]]
"""Chance, reward and round of each thing that may come of a decision."""


def outcomes(
    rng: np.random.Generator, count: int, floor: float
) -> tuple[Outcomes, float]:
    """Make a decision up; give what may come of it, and the value of the target."""
    logged = (1 - floor) * rng.dirichlet(np.full(count, 0.3)) + floor / count
    target = rng.dirichlet(np.full(count, 0.3))
    # Models and worlds of 0 and 1 among others, agreeing with each other or not.
    predicted = rng.choice([0.0, 1.0, rng.random()], count)
    expected = rng.choice([0.0, 1.0, 0.001, rng.random()], count)
    found: Outcomes = []
    for chosen in range(count):
        decision = Decision(
            id="d", experiment="e", number=1, revision=1, decided_at_ms=0,
            group="treatment", context={}, variants=tuple(map(str, range(count))),
            pmf=tuple(logged.tolist()), chosen=chosen,
            propensity=float(logged[chosen]), model_version=0,
        )  # fmt: skip
        weight, correction = weight_of_pmf(
            decision, target.tolist(), predicted.tolist()
        )
        assert correction is not None
        for reward, share in ((1.0, expected[chosen]), (0.0, 1 - expected[chosen])):
            columns = (np.array([x]) for x in (weight, reward, *correction))
            chance = float(logged[chosen] * share)
            found.append((chance, reward, CorrectedRounds(*columns)))
    return found, float(target @ expected)


@pytest.mark.parametrize("floor", [1.0, 0.1, 0.001])
def test_a_corrected_bet_is_fair_and_never_loses_more_than_its_share(
    floor: float,
) -> None:
    """Seed 5; 60 decisions of 2 to 6 variants, weights up to 6,000."""
    rng = np.random.default_rng(5)
    for _ in range(ROUNDS):
        count = int(rng.integers(2, 7))
        found, value = outcomes(rng, count, floor)
        empty = CorrectedSequence(count / floor)
        added = [(chance, empty.add(rounds)) for chance, _, rounds in found]
        size = empty.bets[0].size
        lower = sum(chance * np.exp(one.from_below) for chance, one in added)
        upper = sum(chance * np.exp(one.from_above) for chance, one in added)

        assert lower == pytest.approx(1 + size * value, rel=1e-9)
        assert upper == pytest.approx(1 + size * (1 - value), rel=1e-9)
        least = min(min(s.from_below.min(), s.from_above.min()) for _, s in added)
        assert least >= np.log(1 - LARGEST_LOSS) - 1e-9


@pytest.mark.parametrize("floor", [1.0, 0.1, 0.001])
def test_a_bet_on_weighted_rewards_is_fair_around_every_pivot(floor: float) -> None:
    """Seed 6; 60 decisions of 2 to 6 variants, weights up to 6,000."""
    rng = np.random.default_rng(6)
    for _ in range(ROUNDS):
        count = int(rng.integers(2, 7))
        found, value = outcomes(rng, count, floor)
        empty = ValueSequence(count / floor)
        added = [
            (chance, empty.add(rounds.weight, reward))
            for chance, reward, rounds in found
        ]
        lower = sum(chance * np.exp(one.from_below) for chance, one in added)
        upper = sum(chance * np.exp(one.from_above) for chance, one in added)

        below, above = empty.bets
        fair = 1 + below.size * (value + below.offset)
        assert lower == pytest.approx(fair, rel=1e-9)
        fair = 1 + above.size * (1 - value + above.offset)
        assert upper == pytest.approx(fair, rel=1e-9)
