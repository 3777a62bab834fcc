"""A body that the decoder checks is taken as one whose fields are checked singly.

`parse_decision` has both ways: most bodies pass the first, and the second has the
messages. Whatever a body is, the two must agree.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.context import MAX_INTEGER, MAX_NUMBER
from bandit_svc.domain.limits import MAX_FEATURES, MAX_STRING_LENGTH
from bandit_svc.errors import InvalidInput
from bandit_svc.http.parsing import parse_decision
from bandit_svc.services.serving.decide import DecisionRequest

LONG, TOO_LONG = "x" * MAX_STRING_LENGTH, "ü" * (MAX_STRING_LENGTH + 1)


def as_served(body: bytes) -> object:
    """Return the request as the service takes it, or the places of its refusal."""
    try:
        return parts_of(parse_decision(body))
    except InvalidInput as error:
        return [(field.pointer, field.detail) for field in error.fields]


def one_by_one(body: bytes) -> object:
    """Return the same by the second way, which bodies of 1,000 bytes or more go."""
    return as_served(body + b" " * 1_001)


def parts_of(request: DecisionRequest) -> list[tuple[str, str]]:
    """Return the fields as text, which tells 1 from 1.0 and from true."""
    return [(n, repr(getattr(request, n))) for n in request.__struct_fields__]


NUMBERS = [
    *(0, 1.0, -0.0, 1e18, 1e19, MAX_NUMBER, 1.1e300, -1e301),
    *(MAX_INTEGER, MAX_INTEGER + 1, -MAX_INTEGER, -MAX_INTEGER - 1, 2**64, 2**70),
]
VALUES: list[object] = [
    *NUMBERS,
    LONG,
    TOO_LONG,
    "",
    True,
    None,
    [],
    [1],
    {},
    {"b": {}},
]
EDGES: list[object] = [
    *({"context": {"a": value}} for value in VALUES),
    *({"context": {"a": {"b": value}}} for value in VALUES),
    {"context": {LONG: 1, TOO_LONG: 1}},
    {"context": {"a": {TOO_LONG: 1}}},
    {"context": {TOO_LONG: {}}},
    {"context": {str(n): n for n in range(MAX_FEATURES)}},
    {"context": {str(n): n for n in range(MAX_FEATURES + 1)}},
    {"context": {"n": {str(n): n for n in range(MAX_FEATURES)}, "a": 1}},
    {"context": []},
    {"experiment": ""},
    {"experiment": TOO_LONG},
    {"unit_id": ""},
    {"unit_id": TOO_LONG},
    {"unit_id": None},
    {"exclude": ["a"]},
    {"variants": []},
    {"variants": ["a"]},
    {"request_id": ""},
    {"request_id": "r"},
    {"defer": True},
    {"other": 1},
]


@pytest.mark.parametrize("fields", EDGES, ids=lambda fields: str(fields)[:60])
def test_at_its_limits_a_body_is_taken_alike(fields: dict[str, Any]) -> None:
    body = json.dumps({"experiment": "hero"} | fields).encode()

    assert as_served(body) == one_by_one(body)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=300),
)
contexts = st.dictionaries(
    st.text(max_size=300),
    st.one_of(scalars, st.dictionaries(st.text(max_size=9), scalars, max_size=5)),
    max_size=12,
)


@given(contexts)
def test_any_context_is_taken_alike(context: dict[str, Any]) -> None:
    body = json.dumps({"experiment": "hero", "context": context}).encode()

    assert as_served(body) == one_by_one(body)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b'{"experiment": NaN}', b'{"experiment": 1e999}']
)
def test_what_is_no_body_is_refused_alike(body: bytes) -> None:
    assert as_served(body) == one_by_one(body)
