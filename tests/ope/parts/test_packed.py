"""The bytes of a unit's parts: all numbers come back, and common ones take few."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.parts.columns import COLUMNS
from bandit_svc.ope.parts.packed import LIKE_ALL, MOST_PARTS, UnitParts, pack, unpack

NUMBERS = st.sampled_from([0.0, 1.0, 0.1, 1 / 3, 1e300, -7.0, 2.5])
ROW = st.lists(NUMBERS, min_size=COLUMNS, max_size=COLUMNS)
PARTS = st.dictionaries(st.integers(0, LIKE_ALL - 1), ROW, max_size=5)


@given(st.lists(st.tuples(ROW, PARTS, st.integers(0, 3)), max_size=5))
def test_every_number_comes_back(
    units: list[tuple[list[float], dict[int, list[float]], int]],
) -> None:
    whole = np.array([mine for mine, _, _ in units]).reshape(-1, COLUMNS)
    rows = []
    for place, (mine, parts, alike) in enumerate(units):
        for number, (part, own) in enumerate(sorted(parts.items())):
            rows.append((place, part, mine if number < alike else own))
    given_parts = UnitParts(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows]).reshape(-1, COLUMNS),
    )
    packed = pack(given_parts, whole)
    found = unpack(packed, whole)

    assert found.unit.tolist() == given_parts.unit.tolist()
    assert found.part.tolist() == given_parts.part.tolist()
    assert found.sums.tolist() == given_parts.sums.tolist()
    assert [len(one) > 0 for one in packed] == [bool(parts) for _, parts, _ in units]


def test_a_unit_that_came_once_takes_two_bytes_a_segment() -> None:
    """Ten segments that equal the unit's sums, and a variant's count of 1."""
    whole = np.array([[1 / 0.9, 0.0, 1.2, 0.1, 0.0, 0.0, 0.0, 0.0]])
    variant = np.array([[1.0, *[0.0] * (COLUMNS - 1)]])
    sums = np.concatenate([np.repeat(whole, 10, axis=0), variant])
    parts = UnitParts(np.zeros(11, np.int64), np.arange(11), sums)

    assert len(pack(parts, whole)[0]) == 1 + 11 * 2 + 2 + 4


def test_most_parts_fit_the_length_that_is_kept_of_them() -> None:
    random = np.random.default_rng(1)
    n = MOST_PARTS
    parts = UnitParts(np.zeros(n, np.int64), np.arange(n), random.random((n, COLUMNS)))

    assert len(pack(parts, np.zeros((1, COLUMNS)))[0]) < 2**16


@pytest.mark.parametrize("size", [1, 3, 5, 12])
def test_damaged_bytes_are_told(size: int) -> None:
    parts = UnitParts(
        np.zeros(2, np.int64), np.array([3, 9]), np.full((2, COLUMNS), 1 / 3)
    )
    whole = np.zeros((1, COLUMNS))
    packed = pack(parts, whole)[0]

    with pytest.raises(LoggedDataError, match="bytes; "):
        unpack([packed[:size]], whole)
    with pytest.raises(LoggedDataError, match="bytes; "):
        unpack([packed + b"\0"], whole)


def test_more_parts_than_the_form_can_number_are_refused() -> None:
    one = np.zeros(1, np.int64)
    parts = UnitParts(one, np.array([LIKE_ALL]), np.zeros((1, COLUMNS)))

    with pytest.raises(LoggedDataError, match="at most 32768 parts"):
        pack(parts, np.zeros((1, COLUMNS)))
