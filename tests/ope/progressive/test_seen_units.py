"""Which units have come before."""

import pytest

from bandit_svc.ope.errors import LoggedDataError
from bandit_svc.ope.progressive.seen_units import SeenUnits


def test_no_unit_that_has_come_before_looks_new() -> None:
    seen = SeenUnits()
    for unit in range(2_000):
        seen.add(f"u{unit}")
    again = SeenUnits.from_bytes(seen.to_bytes())

    assert all(f"u{unit}" in again for unit in range(2_000))


def test_no_new_unit_of_some_thousands_looks_as_if_it_had_come_before() -> None:
    """(2,000 * 4 / 2,097,152)⁴ of them would; the hashes are the same in every run."""
    seen = SeenUnits()
    for unit in range(2_000):
        seen.add(f"u{unit}")

    assert not any(f"new{unit}" in seen for unit in range(20_000))


def test_a_copy_is_independent() -> None:
    seen = SeenUnits()
    seen.add("first")
    copy = seen.copy()
    copy.add("second")

    assert ("first" in copy, "second" in seen) == (True, False)


@pytest.mark.parametrize("state", [b"\x00", SeenUnits().to_bytes()[:-1]])
def test_damaged_bytes_are_refused(state: bytes) -> None:
    with pytest.raises(LoggedDataError, match="can't be read"):
        SeenUnits.from_bytes(state)
