"""Hat functions: their knots, and what they are between them."""

import pytest

from policies.features import Named
from policies.hats import MOST_NUMBERS, SAMPLE, Hats, knots_of


def learned(values: list[float], name: str = "hour#") -> Hats:
    hats = Hats()
    for value in values:
        hats.learn([(name, value)])
    return hats


def spread() -> list[float]:
    """Return SAMPLE values from 0 to 74.5, half apart."""
    return [place / 2.0 for place in range(SAMPLE)]


def test_a_number_has_no_hats_before_its_sample_is_complete() -> None:
    hats = learned(spread()[:-1])

    assert list(hats.features([("hour#", 3.0)])) == []


def test_knots_are_quantiles_of_the_sample() -> None:
    # By hand: places 2.98, 38.74, 74.5, 110.26 and 146.02 of the 150, rounded.
    assert knots_of(spread()) == [1.5, 19.5, 37.0, 55.0, 73.0]


def test_a_number_between_two_knots_is_divided_among_them() -> None:
    hats = learned(spread())

    # By hand: 24 is a quarter of (37.0 - 19.5) above 19.5, near enough.
    found = dict(hats.features([("hour#", 19.5 + 17.5 / 4.0)]))
    assert found == pytest.approx({"hour#~1": 0.75, "hour#~2": 0.25})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (-1e9, [("hour#~0", 1.0)]),
        (1.5, [("hour#~0", 1.0)]),
        (37.0, [("hour#~2", 1.0)]),
        (1e9, [("hour#~4", 1.0)]),
    ],
)
def test_at_a_knot_and_beyond_the_outer_ones_there_is_one_hat(
    value: float, expected: list[Named]
) -> None:
    assert list(learned(spread()).features([("hour#", value)])) == expected


def test_a_number_of_few_distinct_values_has_no_hats() -> None:
    hats = learned([float(place % 7) for place in range(SAMPLE)])

    assert list(hats.features([("hour#", 3.0)])) == []
    assert not hats.sampled


def test_a_number_that_comes_later_has_a_sample_of_its_own() -> None:
    hats = learned(spread())
    for value in spread():
        hats.learn([("spend#", value)])

    assert [name for name, _ in hats.features([("spend#", 0.0)])] == ["spend#~0"]


def test_names_without_end_leave_a_bounded_state() -> None:
    hats = Hats()
    for place in range(10 * MOST_NUMBERS):
        hats.learn([(f"x{place}#", 1.0)])

    assert len(hats.sampled) == MOST_NUMBERS


def test_strings_and_booleans_have_no_hats() -> None:
    hats = Hats()
    hats.learn([("device=mobile", 1.0), ("new!true", 1.0)])

    assert not hats.sampled
