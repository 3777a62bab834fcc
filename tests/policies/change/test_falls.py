"""The test that rewards have fallen: what it finds, and how rarely it is wrong."""

import numpy as np
import pytest

from policies.change.falls import NEEDED, WARM_UP_COUNT, Falls


def falls_of(errors: list[float]) -> int:
    """Return after how many errors a fall is found; as many as there are without."""
    falls = Falls()
    for place, error in enumerate(errors):
        if falls.add(error):
            return place
    return len(errors)


def test_a_fall_is_found_after_the_predictions_are_worth_a_test() -> None:
    falls = Falls()
    assert not any(falls.add(-1.0) for _ in range(WARM_UP_COUNT))

    found = next(count for count in range(1, 1000) if falls.add(-1.0))

    # By hand: x is .95, so that the largest stake grows by exp(.4 * .95 - .16 * .484)
    # = 1.35 a time. At 35 it has 39,775 and the others 421, together NEEDED * 4.
    assert found == 35


def test_a_rise_is_no_fall() -> None:
    assert falls_of([1.0] * 5_000) == 5_000


def test_rising_counts_from_the_first_bet_that_won() -> None:
    falls = Falls()
    for error in [0.0] * WARM_UP_COUNT + [5.0] * 20 + [-1.0] * 7:
        falls.add(error)

    assert falls.rising == 7


@pytest.mark.statistical
@pytest.mark.parametrize("chance", [0.5, 0.02])
def test_false_alarms_are_rarer_than_promised(chance: float) -> None:
    """400,000 rewards of 0 or 1 that are predicted rightly; the seed is fixed.

    One false alarm in NEEDED examples would be 40; the tolerance makes them far rarer.
    """
    rng = np.random.default_rng(1)
    deviation = (chance * (1 - chance)) ** 0.5
    errors = ((rng.random(400_000) < chance) - chance) / deviation
    falls, alarms = Falls(), 0
    for error in errors.tolist():
        if falls.add(error):
            falls, alarms = Falls(), alarms + 1

    assert alarms < 400_000 / NEEDED
