"""Prizes never pay on average, whatever the chances were."""

import numpy as np
import pytest

from bandit_svc.ope.audit.possible_chances import CELLS, PossibleChances

SHOWN = np.array([0.81, 0.51, 0.46])


def after(propensity: np.ndarray) -> PossibleChances:
    return PossibleChances().add(propensity)


@pytest.mark.parametrize(
    "pmf", [[0.81, 0.19], [0.51, 0.46, 0.03], [0.46, 0.46, 0.08], [0.25] * 4, [1.0]]
)
def test_the_mean_prize_of_every_pmf_is_at_most_1(pmf: list[float]) -> None:
    chances = np.array(pmf)
    learned = after(np.tile(SHOWN, 200))

    # Mean over actions of p * c(p) / (p M).
    paid = learned.prizes[np.floor(chances * CELLS).astype(int) - 1].sum()

    assert paid <= 1 + 1e-9


def test_what_no_pmf_could_show_wins() -> None:
    # By hand: the best that fits into 1 is 0.51 + 0.46, so 0.03 or more are missing.
    won = after(np.tile(SHOWN, 200)).won(np.tile(SHOWN, 1_000))

    assert won.max() > 3_000 * np.log(1 / 0.98)


def test_before_the_first_choice_nothing_is_bet() -> None:
    assert after(np.full(249, 0.8)).won(np.full(100, 0.8)) == pytest.approx(0)
    assert after(np.full(250, 0.8)).won(np.full(100, 0.8)).max() > 10


def test_propensities_rounded_to_three_digits_do_not_win() -> None:
    # 0.3335, 0.3335 and 0.333, whose numbers add up to more than 1 when rounded.
    logged = np.tile([0.334, 0.334, 0.333], 1_000)

    assert after(logged).won(logged).max() <= 3_000 * np.log(1.001)


def test_small_propensities_get_no_prize() -> None:
    assert not after(np.full(500, 0.05)).prizes.any()
