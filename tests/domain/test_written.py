"""Sizes and instants as people read them."""

import pytest

from bandit_svc.domain.numbers import byte_size
from bandit_svc.domain.times import to_the_second


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (12_345, "12.3 kB"),
        (3_400_000, "3.4 MB"),
        (2_500_000_000_000, "2.5 TB"),
    ],
)
def test_a_size_has_three_digits_and_a_decimal_unit(size_bytes: int, text: str) -> None:
    assert byte_size(size_bytes) == text


@pytest.mark.parametrize("at", [1_800_000_000_999, "2027-01-15T08:00:00.999Z"])
def test_an_instant_is_in_utc_and_cut_to_the_second(at: int | str) -> None:
    assert to_the_second(at) == "2027-01-15 08:00:00"
