"""Periods in words, and when rows must not be compared."""

from typing import NamedTuple

import pytest

from bandit_svc.prose.periods import cover_other_times, during, note_on_times
from bandit_svc.services.values import NEVER, Period


class Row(NamedTuple):
    n: int
    period: Period


def between(first: int, last: int) -> Period:
    """Return a period between two hours of a day."""
    return Period(
        f"2030-01-31T{first:02}:00:00.000Z", f"2030-01-31T{last:02}:30:00.000Z"
    )


WHOLE = Row(500, between(0, 20))


def test_a_period_of_one_day_names_it_once() -> None:
    assert during(between(14, 15)) == "2030-01-31 14:00 to 15:30"
    later = Period("2030-01-31T14:00:00.000Z", "2030-02-01T09:30:00.000Z")
    assert during(later) == "2030-01-31 14:00 to 2030-02-01 09:30"


def test_a_period_that_is_not_known_is_a_dash() -> None:
    assert during(NEVER) == "\N{EN DASH}"
    assert during(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Row(500, between(1, 20)), False),
        (Row(500, between(10, 20)), True),
        (Row(500, between(0, 10)), True),
        # By chance alone a row of few decisions begins late.
        (Row(99, between(10, 20)), False),
        (Row(0, NEVER), False),
    ],
)
def test_rows_that_cover_other_times_are_told(row: Row, *, told: bool) -> None:
    assert cover_other_times([WHOLE, row]) is told
    assert bool(note_on_times([WHOLE, row])) is told


def test_nothing_is_told_of_no_rows() -> None:
    assert note_on_times([]) == ""
