"""The knots of hat functions."""

from policies.hats import SAMPLE, knots_of


def test_knots_are_quantiles_of_the_sample() -> None:
    values = [place / 2.0 for place in range(SAMPLE)]

    # By hand: places 2.98, 38.74, 74.5, 110.26 and 146.02 of the 150, rounded.
    assert knots_of(values) == [1.5, 19.5, 37.0, 55.0, 73.0]


def test_a_number_of_few_distinct_values_has_no_knots() -> None:
    assert knots_of([float(place % 7) for place in range(SAMPLE)]) == []


def test_a_number_that_is_nearly_always_the_same_has_no_knots() -> None:
    values = [0.0] * 145 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]

    assert knots_of(values) == []
