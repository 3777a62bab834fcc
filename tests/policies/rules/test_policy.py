"""Rule tables: what a condition means, who decides, what is refused and where."""

from typing import Any

import pytest

from policies.base import Action, Context, PolicyError
from policies.rules.language import MAX_DEPTH, RuleError, parse_condition
from policies.rules.policy import MAX_RULES
from policies.spec import build_policy, named_variants, normalise_spec

CONTEXT: Context = {
    "device": "mobile",
    "hour": 21,
    "returning": True,
    "temperature": -3.5,
    "campaign": None,
    "odd key.": "x",
    "user": {"segment": "new", "visits": 0},
}
A, B, C = Action("a"), Action("b"), Action("c")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('device = "mobile"', True),
        ("device == 'mobile'", True),
        ('device != "mobile"', False),
        ('device != "desktop"', True),
        ("hour = 21", True),
        ("hour = 21.0", True),
        ('hour = "21"', False),
        ('hour != "21"', True),
        ("hour < 21", False),
        ("hour <= 21", True),
        ("hour > 2.05e1", True),
        ("hour >= 22", False),
        ("temperature < -3", True),
        ('device > "desktop"', True),
        ("device > 3", False),
        ("device < 3", False),
        ("returning = true", True),
        ("returning = 1", False),
        ("returning > 0", False),
        ("campaign = null", True),
        ("campaign != null", False),
        ("user.visits = false", False),
        ('device in ["tablet", "mobile"]', True),
        ('device in ["tablet"]', False),
        ("hour in [20, 21, null]", True),
        ('user.segment = "new"', True),
        ('`odd key.` = "x"', True),
        # What is missing, or no value, makes every comparison false.
        ('weather = "rain"', False),
        ('weather != "rain"', False),
        ("weather < 3", False),
        ("weather in [null]", False),
        ('not weather = "rain"', True),
        ("user.age > 3", False),
        ("device.name = 3", False),
        ("user != 3", False),
    ],
)
def test_a_comparison_compares_values_of_one_kind(
    condition: str,
    expected: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    assert parse_condition(condition)(CONTEXT) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("hour = 0 and hour = 0 or hour = 21", True),
        ("hour = 21 or hour = 0 and hour = 0", True),
        ("(hour = 21 or hour = 0) and hour = 0", False),
        ("not hour = 0 and hour = 21", True),
        ("not (hour = 0 or hour = 21)", False),
        ("not not hour = 21", True),
        ("not hour=21 or hour=21", True),
        ('((device="mobile"))and(hour>3)', True),
    ],
)
def test_not_binds_closer_than_and_and_and_closer_than_or(
    condition: str,
    expected: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    assert parse_condition(condition)(CONTEXT) is expected


@pytest.mark.parametrize(
    ("text", "value"), [(r'"a\"b"', 'a"b'), (r"'\\'", "\\"), ('"é ☃"', "é ☃")]
)
def test_a_text_may_hold_quotes_backslashes_and_any_letter(
    text: str, value: str
) -> None:
    assert parse_condition(f"k = {text}")({"k": value})


@pytest.mark.parametrize(
    ("condition", "column", "expected"),
    [
        ("", 1, "a context key, 'not' or '(', found the end"),
        ("device", 7, "=, !=, <, <=, >, >= or in, found the end"),
        ("device mobile", 8, "found 'mobile'"),
        ("device = mobile", 10, "expected a value"),
        ('device = "mobile', 10, 'a " that is never closed'),
        ("device = 5x", 10, "expected a value"),
        ('device = "a" device = "b"', 14, "'and', 'or' or the end"),
        ('(device = "a"', 14, "')', found the end"),
        ('device in "a"', 11, "'['"),
        ('device in ["a" "b"]', 16, "',' or ']'"),
        ("device in []", 12, "expected a value"),
        ("and = 3", 1, "a context key"),
        ("true = 3", 1, "a context key"),
        ("a = 3; b", 6, "found ';'"),
        ("a = __import__('os')", 5, "expected a value"),
        ("a " * 501, 1001, "it has 1002 characters; at most 1000"),
        ("(" * 22 + "a = 1" + ")" * 22, 22, "nested too deeply; at most 20"),
        ("not " * 22 + "a = 1", 85, "nested too deeply"),
    ],
)
def test_an_error_tells_the_column_and_what_was_expected(
    condition: str, column: int, expected: str
) -> None:
    with pytest.raises(RuleError) as caught:
        parse_condition(condition)

    assert caught.value.column == column
    assert expected in caught.value.message


def test_it_may_nest_as_deeply_as_it_says() -> None:
    deep = "(" * MAX_DEPTH + "hour = 21" + ")" * MAX_DEPTH

    assert parse_condition(deep)(CONTEXT)


def pmf(spec: dict[str, Any], context: Context, *actions: Action) -> list[float]:
    return build_policy({"kind": "rules"} | spec).pmf(context, actions)


def test_the_first_rule_that_holds_decides() -> None:
    spec = {
        "rules": [
            {"when": "hour < 12", "then": "a"},
            {"when": "hour >= 12", "then": "b"},
            {"when": "hour = 21", "then": "c"},
        ]
    }

    assert pmf(spec, CONTEXT, A, B, C) == [0.0, 1.0, 0.0]
    assert pmf(spec, {"hour": 3}, A, B, C) == [1.0, 0.0, 0.0]


def test_what_is_not_eligible_leaves_it_to_the_next_then_otherwise_then_uniform() -> (
    None
):
    spec = {
        "rules": ["when hour = 21 then a", "when hour > 20 then b"],
        "otherwise": "c",
    }

    assert pmf(spec, CONTEXT, A, B, C) == [1.0, 0.0, 0.0]
    assert pmf(spec, CONTEXT, B, C) == [1.0, 0.0]
    assert pmf(spec, CONTEXT, C, Action("d")) == [1.0, 0.0]
    assert pmf(spec, CONTEXT, Action("d"), Action("e")) == [0.5, 0.5]
    assert pmf(spec, {}, A, B, C) == [0.0, 0.0, 1.0]
    assert pmf(spec | {"otherwise": "uniform"}, {}, A, B) == [0.5, 0.5]


def test_a_choice_may_be_weights_over_what_is_eligible() -> None:
    spec = {
        "rules": [{"when": "hour = 21", "then": {"a": 3, "b": 1}}],
        "otherwise": {"c": 1, "b": 1},
    }

    assert pmf(spec, CONTEXT, A, B, C) == [0.75, 0.25, 0.0]
    assert pmf(spec, CONTEXT, B, C) == [1.0, 0.0]
    assert pmf(spec, CONTEXT, Action("d"), C) == [0.0, 1.0]
    assert pmf(spec, {}, A, B, C) == [0.0, 0.5, 0.5]


def test_both_forms_of_a_rule_mean_the_same() -> None:
    when = 'device = "mobile" and weather = "then"'
    lines = normalise_spec(
        {
            "kind": "rules",
            "rules": [f"when {when} then sandals", "when hour>3 then '2-b.c'"],
        }
    )
    table = {
        "kind": "rules",
        "rules": [
            {"when": when, "then": "sandals"},
            {"when": "hour>3", "then": "2-b.c"},
        ],
        "otherwise": "uniform",
    }

    assert lines == table
    assert normalise_spec(table) == table


def test_every_variant_that_it_names_is_told_with_its_place() -> None:
    spec = {
        "kind": "rules",
        "rules": ["when a = 1 then x", {"when": "a = 2", "then": {"y.z": 1}}],
        "otherwise": "w",
    }

    assert named_variants(normalise_spec(spec)) == [
        ("rules.0.then", "x"),
        ("rules.1.then.y.z", "y.z"),
        ("otherwise", "w"),
    ]
    assert named_variants({"kind": "fixed", "variant": "x"}) == [("variant", "x")]
    assert named_variants({"kind": "uniform"}) == []


GOOD = {"when": "a = 1", "then": "x"}


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({}, "rules", "needs a list of rules"),
        ({"rules": []}, "rules", "needs a list of rules"),
        ({"rules": "when a = 1 then x"}, "rules", "needs a list of rules"),
        ({"rules": [GOOD] * (MAX_RULES + 1)}, "rules", "201 rules; at most 200"),
        ({"rules": [3]}, "rules.0", "a rule is int"),
        ({"rules": [GOOD, {"when": "a", "then": "x"}]}, "rules.1.when", "at column 2"),
        ({"rules": [{"then": "x"}]}, "rules.0.when", "needs a condition as text"),
        ({"rules": [{"when": "a = 1"}]}, "rules.0.then", "then is missing"),
        ({"rules": [GOOD | {"else": 1}]}, "rules.0.else", "no part of a rule"),
        ({"rules": [GOOD | {"then": {}}]}, "rules.0.then", "no choice"),
        ({"rules": [GOOD | {"then": {"x": 0}}]}, "rules.0.then", "every weight is 0"),
        ({"rules": [GOOD | {"then": {"x": -1}}]}, "rules.0.then.x", "weight of 'x'"),
        ({"rules": ["if a = 1 then x"]}, "rules.0", "at column 1: expected 'when'"),
        ({"rules": ["when a = 1 show x"]}, "rules.0", "column 12: expected 'then'"),
        ({"rules": ["when a = 1 then"]}, "rules.0", "column 16: expected a variant"),
        ({"rules": ["when a = 1" * 200]}, "rules.0", "2000 characters; at most 1300"),
        ({"rules": [GOOD], "otherwise": 3}, "otherwise", "no choice"),
        ({"rules": [GOOD], "default": "x"}, "default", "is not a setting"),
    ],
)
def test_what_can_not_be_a_table_is_refused_with_its_place(
    spec: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        normalise_spec({"kind": "rules"} | spec)

    assert caught.value.field == field
    assert words in caught.value.message
