"""Names of features are one to one, and numbers keep their order."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.base import Action, PolicyError
from policies.features import action_features, context_features, escaped, squashed

SCALARS = (
    st.text()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"device": "mobile"}, [("device=mobile", 1.0)]),
        ({"hour": 21}, [("hour#", 21.0)]),
        ({"hour": "21"}, [("hour=21", 1.0)]),
        ({"new": True}, [("new!true", 1.0)]),
        ({"new": "true"}, [("new=true", 1.0)]),
        ({"new": False}, [("new!false", 1.0)]),
        ({"city": None}, [("city!none", 1.0)]),
        ({"user": {"segment": "new"}}, [("user/segment=new", 1.0)]),
        ({"user/segment": "new"}, [("user%2Fsegment=new", 1.0)]),
        ({"a b": "c|d:e"}, [("a%20b=c%7Cd%3Ae", 1.0)]),
        ({"": ""}, [("=", 1.0)]),
    ],
)
def test_each_type_of_value_has_its_own_name(
    context: dict[str, str], expected: list[tuple[str, float]]
) -> None:
    assert list(context_features(context)) == expected


def test_action_has_its_key_as_a_feature() -> None:
    action = Action("@boots", {"price": 3})

    assert list(action_features(action)) == [("@%40boots", 1.0), ("price#", 3.0)]


@given(st.text(), st.text())
def test_different_texts_are_escaped_differently(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)


@given(st.text())
def test_escaped_text_is_one_plain_word(text: str) -> None:
    assert not set(escaped(text)) - set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~%"
    )


@given(st.dictionaries(st.text(), SCALARS), st.dictionaries(st.text(), SCALARS))
def test_different_contexts_have_different_features(
    one: dict[str, str], other: dict[str, str]
) -> None:
    same = {name: (type(value), value) for name, value in one.items()} == {
        name: (type(value), value) for name, value in other.items()
    }
    # An integer and the float of its value are one number; others differ.
    if not same and one != other:
        assert dict(context_features(one)) != dict(context_features(other))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_squashed_number_keeps_its_sign_and_stays_small(value: float) -> None:
    assert abs(squashed(value)) <= 704_000
    assert squashed(-value) == -squashed(value)
    assert squashed(value) == value or abs(value) > 1000


def test_squashing_is_continuous_and_by_the_logarithm() -> None:
    # By hand: 1000 * (1 + ln(e)) = 2000.
    assert squashed(1000.0) == 1000.0
    assert squashed(1000.0 * math.e) == pytest.approx(2000.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400])
def test_number_that_no_float_holds_is_refused(value: float) -> None:
    with pytest.raises(PolicyError, match="not a finite number"):
        list(context_features({"x": value}))
