"""Shares of a programme hold, and changed ones move no unit that needn't move."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.experiment import uniform_of_unit
from bandit_svc.domain.programmes.assigning import (
    group_at,
    met_of_layer,
    share_of,
)
from bandit_svc.domain.programmes.programme import (
    ProgrammeDefinition,
    check_programme,
)
from bandit_svc.errors import InvalidInput

SHOP = ProgrammeDefinition("shop", holdout=0.1, business_as_usual=0.2, explore=0.05)
UNITS = [f"u{i}" for i in range(20_000)]
shares = st.tuples(st.floats(0, 0.5), st.floats(0, 0.25), st.floats(0, 0.25))


def test_each_group_has_its_share_of_the_units() -> None:
    uniforms = [uniform_of_unit("salt", unit) for unit in UNITS]
    found = [group_at(SHOP, uniform) for uniform in uniforms]

    for group in set(found):
        share = share_of(SHOP, group)
        # Five standard errors of a share among 20,000.
        error = 5 * math.sqrt(share * (1 - share) / len(UNITS))
        assert abs(found.count(group) / len(UNITS) - share) < error
    assert set(found) == {"holdout", "business_as_usual", "explore", "experiment"}
    assert math.isclose(share_of(SHOP, "experiment"), 0.65)


@given(shares, shares, st.floats(0, 1, exclude_max=True))
def test_a_unit_that_a_changed_share_moves_comes_from_or_goes_to_that_share(
    before: tuple[float, float, float],
    after: tuple[float, float, float],
    uniform: float,
) -> None:
    names = ("holdout", "business_as_usual", "explore")
    for index, name in enumerate(names):
        old = ProgrammeDefinition("shop", "", *before)
        new = msgspec.structs.replace(old, **{name: after[index]})
        was, now = group_at(old, uniform), group_at(new, uniform)
        if was != now:
            grows = after[index] > before[index]
            moved = ("experiment", name) if grows else (name, "experiment")
            assert (was, now) == moved


def test_a_layer_shares_units_equally_and_a_new_experiment_takes_from_all() -> None:
    two = [met_of_layer("salt", ("popup", "banner"), unit) for unit in UNITS]
    three = [met_of_layer("salt", ("popup", "banner", "chat"), unit) for unit in UNITS]

    assert abs(two.count("popup") / len(UNITS) - 1 / 2) < 0.02
    assert abs(three.count("chat") / len(UNITS) - 1 / 3) < 0.02
    moved = [(a, b) for a, b in zip(two, three, strict=True) if a != b]
    assert {b for _, b in moved} == {"chat"}
    assert two == [met_of_layer("salt", ("banner", "popup"), unit) for unit in UNITS]


def test_the_layer_of_a_unit_says_nothing_of_its_group() -> None:
    groups = [group_at(SHOP, uniform_of_unit("salt", unit)) for unit in UNITS]
    met = [met_of_layer("salt", ("popup", "banner"), unit) for unit in UNITS]
    held = [m for m, g in zip(met, groups, strict=True) if g == "holdout"]

    # Five standard errors of a share among some 2,000.
    assert abs(held.count("popup") / len(held) - 0.5) < 0.056


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("key", "no key", "/key"),
        ("holdout", 0.6, "/holdout"),
        ("holdout", math.nan, "/holdout"),
        ("explore", -0.1, "/explore"),
        ("explore", 0.4, "/explore"),
        ("description", "x" * 1_001, "/description"),
        ("layers", {"a b": ("x",)}, "/layers"),
        ("layers", {"a": ()}, "/layers/a"),
        ("layers", {"a": ("x", "x")}, "/layers/a/1"),
        ("layers", {"a": ("x",), "b": ("y", "x")}, "/layers/b/1"),
        ("layers", {"a": ("x y",)}, "/layers/a/0"),
        ("layers", {f"l{i}": ("x",) for i in range(51)}, "/layers"),
    ],
)
def test_what_can_not_be_is_refused_at_its_place(
    field: str, value: object, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_programme(msgspec.structs.replace(SHOP, **{field: value}))

    assert [error.pointer for error in refused.value.fields] == [pointer]


def test_shares_that_leave_no_unit_are_refused() -> None:
    half = ProgrammeDefinition("shop", holdout=0.5, business_as_usual=0.5)

    with pytest.raises(InvalidInput, match="no unit is left"):
        check_programme(half)
