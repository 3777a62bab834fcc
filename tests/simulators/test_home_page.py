"""Rows in slots: chances by hand, and what a policy earns as it is played."""

from collections.abc import Sequence

import numpy as np
import pytest

from simulators.worlds.home_page import (
    ROWS,
    HomePage,
    Pmf,
    Visit,
    next_tired,
    uniform,
)

SMALL = HomePage(
    ("trending", "documentaries", "nature", "series", "sport", "comedy"), 3
)
EVENING = Visit("documentary", "evening", unfinished=False)


def prefers(
    visit: Visit, above: tuple[str, ...], left: tuple[str, ...]
) -> Sequence[float]:
    """Return twice the chance for what is named first, but not on top."""
    del visit
    weights = np.ones(len(left))
    weights[0] = 2.0 if above else 1.0
    return list(weights / weights.sum())


def test_a_row_is_looked_at_where_nothing_above_it_was_played() -> None:
    played = SMALL.played(EVENING, ("trending", "documentaries", "nature"))

    # By hand: .14 on top; .86 * .85 look at the second, .45 of them play; of the rest
    # .85 look at the third, whose .22 are halved below what is like it.
    second = 0.86 * 0.85
    third = second * 0.55 * 0.85
    assert played == pytest.approx([0.14, second * 0.45, third * 0.11])


def test_a_row_that_has_tired_is_played_less() -> None:
    tired = Visit("documentary", "evening", unfinished=False, tired="documentaries")

    assert SMALL.played(tired, ("documentaries",))[0] == pytest.approx(0.45 * 0.4)
    assert next_tired(("documentaries", "nature"), None) == "documentaries"
    assert next_tired(("documentaries", "nature"), 1) == "documentaries"
    assert next_tired(("documentaries", "nature"), 0) is None


def test_the_best_page_of_a_documentary_viewer_changes_with_the_hour() -> None:
    place = HomePage()
    morning = Visit("documentary", "morning", unfinished=False)

    assert place.best(EVENING)[0][0] == "documentaries"
    assert "documentaries" not in place.best(morning)[0][:2]


def test_a_row_is_eligible_while_something_is_unfinished() -> None:
    unfinished = Visit("series", "evening", unfinished=True)

    assert unfinished.eligible(ROWS) == ROWS
    assert EVENING.eligible(ROWS) == ROWS[1:]
    assert all("continue" not in slate for slate, _ in SMALL.slates(EVENING, uniform))


def test_the_chances_of_all_slates_add_up_to_1() -> None:
    slates = dict(SMALL.slates(EVENING, prefers))

    assert len(slates) == 120
    assert sum(slates.values()) == pytest.approx(1.0)
    # By hand: 1/6 on top, then 2 of 6 and 2 of 5.
    assert slates["trending", "documentaries", "nature"] == pytest.approx(
        1 / 6 * 2 / 6 * 2 / 5
    )


@pytest.mark.statistical
@pytest.mark.parametrize("policy", [uniform, prefers])
def test_a_played_policy_earns_its_enumerated_value(policy: Pmf) -> None:
    """8,000 viewers of seed 5, who come 6 times each.

    A play has a chance of about .35: the standard error over 48,000 pages is .0022,
    and the tolerance is four of them.
    """
    played = SMALL.played_mean(policy, 8_000, 6, np.random.default_rng(5))

    truth = SMALL.mean_value(policy, visits=6)
    assert played == pytest.approx(truth, abs=0.0088)


def test_what_is_earned_falls_as_the_page_tires() -> None:
    def always(
        visit: Visit, above: tuple[str, ...], left: tuple[str, ...]
    ) -> Sequence[float]:
        del visit, above
        return [1.0] + [0.0] * (len(left) - 1)

    first, later = SMALL.mean_value(always), SMALL.mean_value(always, visits=10)
    # The row on top is always the same one, so that it tires most who come again.
    assert later < 0.97 * first
