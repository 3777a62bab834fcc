"""A unit's group is fixed by a salted hash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.experiment import (
    BASELINE,
    TREATMENT,
    assign_group,
    group_of,
    uniform_of_unit,
)

UNITS = [f"u-{i}" for i in range(20_000)]


@given(st.text(), st.floats(0.0, 0.9))
def test_a_unit_is_in_the_same_group_at_every_call(unit: str, holdout: float) -> None:
    assert assign_group("salt", unit, holdout) == assign_group("salt", unit, holdout)


@given(st.text(), st.floats(0.0, 0.9), st.floats(0.0, 0.9))
def test_a_larger_holdout_moves_units_into_the_baseline_only(
    unit: str, one: float, other: float
) -> None:
    small, large = sorted((one, other))

    if assign_group("salt", unit, small) == BASELINE:
        assert assign_group("salt", unit, large) == BASELINE


@given(st.text(), st.floats(0.0, 0.9))
def test_a_units_own_number_tells_its_group_for_any_holdout(
    unit: str, holdout: float
) -> None:
    uniform = uniform_of_unit("salt", unit)

    assert 0.0 <= uniform < 1.0
    assert assign_group("salt", unit, holdout) == group_of(uniform, holdout)


def test_a_holdout_of_0_has_no_unit() -> None:
    assert {assign_group("salt", unit, 0.0) for unit in UNITS} == {TREATMENT}


@pytest.mark.parametrize(
    ("uniform", "expected"), [(0.0, BASELINE), (0.0999, BASELINE), (0.1, TREATMENT)]
)
def test_the_holdout_is_the_part_of_the_unit_interval_below_its_share(
    uniform: float, expected: str
) -> None:
    assert group_of(uniform, 0.1) == expected


@pytest.mark.statistical
@pytest.mark.parametrize("salt", ["one", "two", "three"])
def test_the_share_of_the_baseline_is_the_holdout(salt: str) -> None:
    """20,000 fixed units at a holdout of 0.1.

    The share has a standard error of sqrt(0.1 * 0.9 / 20,000) = 0.0021; the test
    allows four of them.
    """
    share = sum(assign_group(salt, unit, 0.1) == BASELINE for unit in UNITS) / 20_000

    assert share == pytest.approx(0.1, abs=0.0085)


@pytest.mark.statistical
def test_the_groups_of_two_experiments_are_independent() -> None:
    """Half of the units in one baseline of 0.5 are in the other's.

    About 10,000 units: the standard error is 0.005; the test allows four.
    """
    held = [unit for unit in UNITS if assign_group("one", unit, 0.5) == BASELINE]
    both = sum(assign_group("two", unit, 0.5) == BASELINE for unit in held)

    assert both / len(held) == pytest.approx(0.5, abs=0.02)
