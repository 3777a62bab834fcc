"""The shape of a context, and the pointers to what breaks it."""

from typing import Any

import pytest

from bandit_svc.domain.context import check_context
from bandit_svc.errors import InvalidInput

LONG = "x" * 257


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"device": "mobile", "hour": 21, "new": True, "referrer": None, "t": 1.5},
        {"user": {"segment": "new", "age": 30}, "page": {}},
        {"": "", " |:\n=": " |:\n=", "日本": "日本", "x" * 256: "y" * 256},
        {"low": -1e300, "high": 1e300, "integer": 2**63 - 1, "negative": -(2**63 - 1)},
        {f"f{i}": i for i in range(200)},
        {"user": {f"f{i}": i for i in range(200)}},
    ],
    ids=["empty", "scalars", "namespaces", "odd names", "bounds", "200", "200 nested"],
)
def test_a_context_of_scalars_one_level_deep_is_accepted(
    context: dict[str, Any],
) -> None:
    check_context(context)


@pytest.mark.parametrize(
    ("context", "pointer"),
    [
        ({"tags": ["a"]}, "/context/tags"),
        ({"user": {"geo": {"city": "Bern"}}}, "/context/user/geo"),
        ({"user": {"tags": []}}, "/context/user/tags"),
        ({"a": 2**63}, "/context/a"),
        ({"a": 10**400}, "/context/a"),
        ({"a": 1.1e300}, "/context/a"),
        ({"a": float("nan")}, "/context/a"),
        ({"a": float("-inf")}, "/context/a"),
        ({"a": LONG}, "/context/a"),
        ({"user": {"a": LONG}}, "/context/user/a"),
        ({"a/b~c": []}, "/context/a~1b~0c"),
        ({"~/": {"/~": []}}, "/context/~0~1/~1~0"),
        ({LONG: 1}, "/context/" + "x" * 64),
        ({LONG: {"a": 1}}, "/context/" + "x" * 64),
        ({f"f{i}": i for i in range(201)}, "/context"),
        ({"user": {f"f{i}": i for i in range(201)}}, "/context/user"),
        (
            {
                "a": {f"f{i}": i for i in range(101)},
                "b": {f"f{i}": i for i in range(100)},
            },
            "/context",
        ),
    ],
)
def test_a_context_that_no_policy_could_read_is_refused_with_its_pointer(
    context: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_context(context)

    assert [field.pointer for field in refused.value.fields] == [pointer]


def test_a_refusal_never_repeats_the_value() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_context({"mail": "someone@example.com" + "x" * 256})

    assert "someone" not in refused.value.message
