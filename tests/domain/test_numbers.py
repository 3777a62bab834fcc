"""Counts agree with their nouns; differences of shares are percentage points."""

import pytest

from bandit_svc.domain.numbers import counted, points


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 decisions"),
        (1, "1 decision"),
        (2, "2 decisions"),
        (1234, "1,234 decisions"),
    ],
)
def test_a_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert counted(count, "decision") == text


def test_words_that_change_with_the_number_are_given_in_full() -> None:
    assert counted(1, "reward waits", "rewards wait") == "1 reward waits"
    assert counted(2, "reward waits", "rewards wait") == "2 rewards wait"


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.707, "+70.7 points"),
        (-0.1, "\N{MINUS SIGN}10.0 points"),
        (-0.0001, "+0.0 points"),
    ],
)
def test_a_difference_of_shares_is_in_points(difference: float, text: str) -> None:
    assert points(difference) == text
