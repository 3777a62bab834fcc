"""The arithmetic between a policy's pmf and a draw."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.base import PolicyError
from policies.pmf import mix_floor, sample, validate_pmf


def test_floor_is_mixed_in_by_its_share() -> None:
    # By hand: 0.9 * 1 + 0.1 / 4 = 0.925, and 0.025 for the others.
    assert mix_floor([0, 1, 0, 0], 0.1) == pytest.approx([0.025, 0.925, 0.025, 0.025])


def test_floor_of_zero_and_one() -> None:
    assert mix_floor([0.25, 0.75], 0.0) == [0.25, 0.75]
    assert mix_floor([0.25, 0.75], 1.0) == [0.5, 0.5]


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any),
    st.floats(0, 1),
)
def test_mixed_pmf_is_valid(weights: list[int], floor: float) -> None:
    pmf = [weight / sum(weights) for weight in weights]

    validate_pmf(mix_floor(pmf, floor), len(pmf), floor)


@pytest.mark.parametrize(
    ("pmf", "n_actions", "floor", "message"),
    [
        ([0.5, 0.5], 3, 0.0, "2 entries for 3 actions"),
        ([math.nan, 1.0], 2, 0.0, "entry of nan"),
        ([math.inf, -math.inf], 2, 0.0, "entry of inf"),
        ([-0.1, 1.1], 2, 0.0, "entry of -0.1"),
        ([0.004, 0.996], 2, 0.02, "floor / K = 0.01"),
        ([0.5, 0.4], 2, 0.0, "sums to 0.9"),
        ([0.5, 0.5 + 1e-8], 2, 0.0, "sums to 1.00000001"),
    ],
)
def test_pmf_that_must_not_be_drawn_from_is_refused(
    pmf: list[float], n_actions: int, floor: float, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        validate_pmf(pmf, n_actions, floor)


@pytest.mark.parametrize(
    ("draw", "expected"), [(0.0, 1), (0.24, 1), (0.25, 2), (0.99, 2)]
)
def test_draw_falls_in_the_interval_of_its_index(draw: float, expected: int) -> None:
    assert sample([0.0, 0.25, 0.75, 0.0], draw) == expected


def test_rounding_never_draws_an_action_of_probability_zero() -> None:
    assert sample([0.3, 0.3, 0.4 - 1e-10, 0.0], 1.0 - 1e-12) == 2
