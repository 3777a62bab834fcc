"""The long simulation of splits, in small: what rolls back, and what does not."""

import pytest

from benchmarks.truth.parts.splits import CELLS, play

BY_NAME = {cell.name: cell for cell in CELLS}


@pytest.mark.statistical
def test_a_split_of_two_equal_policies_seldom_rolls_back() -> None:
    """At a risk of .05 more than 3 of 20 do in 2 % of cases; seeds are fixed."""
    ends = [
        play(BY_NAME["A/A, clicks of .3, a guardrail"], seed, 8_000).end
        for seed in range(20)
    ]
    assert ends.count("rolled back") <= 3


@pytest.mark.statistical
def test_a_worse_policy_rolls_back_by_itself() -> None:
    cell = BY_NAME["-20 %, clicks of .3, half and half"]
    played = [play(cell, seed, 20_000) for seed in range(5)]
    assert [one.end for one in played] == ["rolled back"] * 5
