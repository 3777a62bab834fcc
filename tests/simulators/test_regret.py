"""Regret, shortfall and the price of the floor, by hand."""

import numpy as np
import pytest

from tests.harness.simulated.regret import cumulative_regret, floor_cost, shortfall

# Two actions over three rounds.
EXPECTED = np.array([[0.5, 0.1], [0.2, 0.6], [0.3, 0.3]])


def test_regret_adds_up_the_distance_to_the_best_action() -> None:
    value = np.array([0.5, 0.2, 0.3])

    # By hand: 0.0, then 0.6 - 0.2 = 0.4, then 0.0.
    assert cumulative_regret(EXPECTED, value) == pytest.approx([0.0, 0.4, 0.4])


def test_shortfall_compares_with_the_baseline_after_the_warm_up() -> None:
    value = np.array([0.0, 0.1, 0.2])

    # By hand, from round 1: baseline (0.2 + 0.3) / 2, policy (0.1 + 0.2) / 2.
    assert shortfall(EXPECTED, value, baseline=0, first_round=1) == pytest.approx(0.1)


def test_shortfall_is_negative_for_a_policy_ahead_of_the_baseline() -> None:
    value = np.array([0.5, 0.6, 0.3])

    assert shortfall(EXPECTED, value, baseline=0, first_round=0) < 0.0


def test_floor_costs_its_share_of_the_distance_to_uniform() -> None:
    # By hand: action 0 has mean 1.0 / 3, all actions 2.0 / 6 = 1 / 3, so the
    # floor is free; from round 2 on likewise; in round 0 it is 0.1 * (0.5 - 0.3).
    assert floor_cost(EXPECTED, 0, 0.1, first_round=0) == pytest.approx(0.0)
    assert floor_cost(EXPECTED[:1], 0, 0.1, first_round=0) == pytest.approx(0.02)


def test_floor_costs_nothing_where_uniform_is_better() -> None:
    assert floor_cost(EXPECTED[1:2], 0, 0.1, first_round=0) == 0.0
