"""Chances of being the largest, against closed forms and against draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln, ndtr

from policies import maximum
from policies.context_free.thompson import largest_beta
from policies.maximum import largest_normal


def beats(a1: float, b1: float, a2: int, b2: float) -> float:
    """Return P(Beta(a2, b2) > Beta(a1, b1)) in closed form, a2 being whole.

    References:
        Miller (2015), "Formulas for Bayesian A/B testing".
    """
    logs = [
        betaln(a1 + i, b2 + b1) - np.log(b2 + i) - betaln(1 + i, b2) - betaln(a1, b1)
        for i in range(a2)
    ]
    return float(np.exp(logs).sum())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 1), (1, 1)),
        ((1, 1), (2, 1)),
        ((2, 5), (3, 4)),
        ((30, 70), (25, 80)),
        ((1, 1), (100, 900)),
        ((1000, 9000), (1050, 8950)),
        ((1, 1000), (1, 500)),
    ],
)
def test_two_betas_agree_with_the_closed_form(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    alphas, betas = np.array([one, other], dtype=float).T

    chances = largest_beta(alphas, betas)

    expected = beats(*one, *other)
    assert chances == pytest.approx([1 - expected, expected], abs=1e-8)


def test_uniform_against_a_rising_density_is_one_third_to_two() -> None:
    # By hand: P(X > Y) for X uniform and Y of density 2y is E[X^2] = 1/3.
    chances = largest_beta(np.array([1.0, 2.0]), np.array([1.0, 1.0]))

    assert chances == pytest.approx([1 / 3, 2 / 3], abs=1e-9)


@pytest.mark.parametrize(
    ("means", "deviations"),
    [
        ((0.0, 0.0), (1.0, 1.0)),
        ((0.0, 0.1), (1e-6, 1.0)),
        ((0.0, 3.0), (0.1, 2.0)),
        ((0.3, 0.301), (1e-3, 1e-3)),
    ],
)
def test_two_normals_agree_with_the_closed_form(
    means: tuple[float, float], deviations: tuple[float, float]
) -> None:
    chances = largest_normal(np.array(means), np.array(deviations))

    expected = ndtr((means[1] - means[0]) / np.hypot(*deviations))
    assert chances == pytest.approx([1 - expected, expected], abs=1e-9)


def test_one_variable_is_certain() -> None:
    assert largest_normal(np.array([0.3]), np.array([0.1])) == [1.0]
    assert largest_beta(np.array([3.0]), np.array([0.5])) == [1.0]


def test_variable_far_below_the_others_has_no_chance() -> None:
    chances = largest_normal(np.array([0.0, 100.0, 100.0]), np.array([1.0, 1.0, 1.0]))

    assert chances == pytest.approx([0.0, 0.5, 0.5])
    assert chances[0] == 0.0


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(1e-6, 10)), min_size=1, max_size=30)
)
def test_chances_of_normals_sum_to_one(variables: list[tuple[float, float]]) -> None:
    means, deviations = np.array(variables).T

    chances = largest_normal(means, deviations)

    assert min(chances) >= 0.0
    assert sum(chances) == pytest.approx(1.0, abs=1e-9)


def test_shared_break_points_cost_no_accuracy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    means, deviations = rng.normal(0.3, 0.05, 60), rng.uniform(0.001, 0.3, 60)

    shared = largest_normal(means, deviations)
    monkeypatch.setattr(maximum, "FEW", 1000)
    every = largest_normal(means, deviations)

    assert shared == pytest.approx(every, abs=1e-8)


@pytest.mark.statistical
def test_five_betas_agree_with_draws() -> None:
    """Chances lie within 0.25 % of the shares of the largest in 400,000 draws.

    A share's standard error is at most sqrt(0.25 / 400,000) = 0.08 %, so that the
    tolerance is three of them for the likeliest variable and more for the others;
    the seed (4) is fixed.
    """
    alphas = np.array([0.5, 2.0, 5.0, 1.0, 900.0])
    betas = np.array([9.0, 20.0, 40.0, 1.0, 9100.0])
    draws = np.random.default_rng(4).beta(alphas, betas, (400_000, 5))
    shares = np.bincount(draws.argmax(axis=1), minlength=5) / 400_000

    assert largest_beta(alphas, betas) == pytest.approx(shares, abs=0.0025)
