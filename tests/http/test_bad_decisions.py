"""A bad decision request: a problem with the place of its fault, nothing stored."""

from collections.abc import Callable

import pytest

from tests.harness.worker_in_process import WorkerInProcess

Case = tuple[str, str, bytes | str, int, str | None]

DECIDE = "POST /v1/decisions"
DECIDE_MANY = "POST /v1/decisions/batch"


def decision(fields: str) -> str:
    return '{"experiment": "hero", ' + fields + "}"


def context(inside: str) -> str:
    return decision(f'"context": {inside}')


def many(count: int, entry: str) -> str:
    return ", ".join(entry.replace("#", str(index)) for index in range(count))


LONG = "x" * 257
DEEP = "[" * 200 + "]" * 200
BOTTOMLESS = "[" * 30_000 + "]" * 30_000
GIGANTIC = "9" * 400
FEATURES_200 = many(200, '"#": 1')
FEATURES_201 = many(201, '"#": 1')
NAMESPACES_201 = many(201, '"#": {}')
KEYS_501 = many(501, '"v#"')
OBJECTS_1001 = many(1001, "{}")

CASES: list[Case] = [
    (DECIDE, "no experiment", "{}", 400, "/experiment"),
    (DECIDE, "experiment number", '{"experiment": 5}', 400, "/experiment"),
    (DECIDE, "experiment null", '{"experiment": null}', 400, "/experiment"),
    (DECIDE, "experiment empty", '{"experiment": ""}', 400, "/experiment"),
    (DECIDE, "experiment long", f'{{"experiment": "{LONG}"}}', 400, "/experiment"),
    (DECIDE, "experiment unknown", '{"experiment": "nope"}', 404, "/experiment"),
    (DECIDE, "experiment paused", '{"experiment": "paused"}', 409, "/experiment"),
    (DECIDE, "unknown field", decision('"unit": "u"'), 400, "/unit"),
    (DECIDE, "odd unknown field", decision('"a/b~c": 1'), 400, "/a~1b~0c"),
    (DECIDE, "unit number", decision('"unit_id": 81'), 400, "/unit_id"),
    (DECIDE, "unit empty", decision('"unit_id": ""'), 400, "/unit_id"),
    (DECIDE, "unit long", decision(f'"unit_id": "{LONG}"'), 400, "/unit_id"),
    (DECIDE, "request list", decision('"request_id": ["r"]'), 400, "/request_id"),
    (DECIDE, "request long", decision(f'"request_id": "{LONG}"'), 400, "/request_id"),
    (DECIDE, "defer number", decision('"defer": 1'), 400, "/defer"),
    (DECIDE, "defer string", decision('"defer": "true"'), 400, "/defer"),
    (DECIDE, "context list", context("[]"), 400, "/context"),
    (DECIDE, "context null", context("null"), 400, "/context"),
    (DECIDE, "context of a list", context('{"a": [1]}'), 400, "/context/a"),
    (DECIDE, "list in namespace", context('{"u": {"a": []}}'), 400, "/context/u/a"),
    (DECIDE, "two levels", context('{"u": {"a": {"b": 1}}}'), 400, "/context/u/a"),
    (DECIDE, "NaN", context('{"a": 1, "b": NaN}'), 400, "/context/b"),
    (DECIDE, "infinity", context('{"u": {"b": -Infinity}}'), 400, "/context/u/b"),
    (DECIDE, "1e999", context('{"a/b": 1e999}'), 400, "/context/a~1b"),
    (DECIDE, "1e301", context('{"a": 1e301}'), 400, "/context/a"),
    (DECIDE, "2^63", context('{"a": 9223372036854775808}'), 400, "/context/a"),
    (DECIDE, "gigantic", context(f'{{"a": {GIGANTIC}}}'), 400, "/context/a"),
    (DECIDE, "5,000 digits", context(f'{{"a": {"9" * 5000}}}'), 400, "/context"),
    (DECIDE, "long value", context(f'{{"a": "{LONG}"}}'), 400, "/context/a"),
    (DECIDE, "long name", context(f'{{"{LONG}": 1}}'), 400, f"/context/{LONG[:64]}"),
    (DECIDE, "201 features", context("{" + FEATURES_201 + "}"), 400, "/context"),
    (
        DECIDE,
        "201 features in two",
        context('{"u": {' + FEATURES_200 + '}, "a": 1}'),
        400,
        "/context",
    ),
    (DECIDE, "201 namespaces", context("{" + NAMESPACES_201 + "}"), 400, "/context"),
    (DECIDE, "deep context", context(f'{{"a": {DEEP}}}'), 400, "/context/a"),
    (DECIDE, "bottomless context", context(f'{{"a": {BOTTOMLESS}}}'), 400, ""),
    (DECIDE, "exclude string", decision('"exclude": "a"'), 400, "/exclude"),
    (DECIDE, "exclude numbers", decision('"exclude": ["a", 1]'), 400, "/exclude/1"),
    (DECIDE, "exclude long", decision(f'"exclude": ["{LONG}"]'), 400, "/exclude/0"),
    (DECIDE, "exclude 501", decision('"exclude": [' + KEYS_501 + "]"), 400, "/exclude"),
    (DECIDE, "exclude unknown", decision('"exclude": ["a", "A"]'), 400, "/exclude/1"),
    (DECIDE, "exclude all", decision('"exclude": ["a", "b"]'), 422, None),
    (DECIDE, "variants object", decision('"variants": {}'), 400, "/variants"),
    (DECIDE, "variants none", decision('"variants": []'), 400, "/variants"),
    (DECIDE, "variants number", decision('"variants": ["a", 1]'), 400, "/variants/1"),
    (DECIDE, "variants unknown", decision('"variants": ["z"]'), 400, "/variants/0"),
    (DECIDE, "variants long", decision(f'"variants": ["{LONG}"]'), 400, "/variants/0"),
    (
        DECIDE,
        "variants twice",
        decision('"variants": ["a", "a"]'),
        400,
        "/variants/1/key",
    ),
    (
        DECIDE,
        "variants whole",
        decision('"variants": [{"key": "z"}]'),
        400,
        "/variants/0",
    ),
    (
        DECIDE,
        "variants 501",
        decision('"variants": [' + KEYS_501 + "]"),
        400,
        "/variants",
    ),
    (
        DECIDE,
        "variants refused",
        '{"experiment": "own", "variants": ["a"]}',
        400,
        "/variants",
    ),
    (
        DECIDE,
        "inline field",
        '{"experiment": "open", "variants": [{"key":"z","x":1}]}',
        400,
        "/variants/0/x",
    ),
    (
        DECIDE,
        "inline key",
        '{"experiment": "open", "variants": [{"key": "a b"}]}',
        400,
        "/variants/0/key",
    ),
    (
        DECIDE,
        "inline no key",
        '{"experiment": "open", "variants": [{}]}',
        400,
        "/variants/0/key",
    ),
    (
        DECIDE,
        "inline features",
        '{"experiment": "open", "variants": [{"key": "z", "features": {"f": {}}}]}',
        400,
        "/variants/0/features/f",
    ),
    (
        DECIDE,
        "inline deep payload",
        f'{{"experiment": "open", "variants": [{{"key": "z", "payload": {DEEP}}}]}}',
        400,
        "/variants/0/payload",
    ),
    (
        DECIDE,
        "inline large payload",
        (
            '{"experiment": "open", "variants": [{"key": "z", "payload": '
            f'"{"x" * 20_000}"'
            "}]}"
        ),
        400,
        "/variants/0/payload",
    ),
    (DECIDE, "65 kB", decision(f'"unit_id": "{"x" * 65_536}"'), 413, ""),
    (DECIDE_MANY, "no list", "{}", 400, "/decisions"),
    (DECIDE_MANY, "not a list", '{"decisions": {}}', 400, "/decisions"),
    (DECIDE_MANY, "unknown field", '{"decisions": [], "x": 1}', 400, "/x"),
    (DECIDE_MANY, "1,001", '{"decisions": [' + OBJECTS_1001 + "]}", 400, "/decisions"),
    (DECIDE_MANY, "9 MB", '{"decisions": ["' + "x" * 9_000_000 + '"]}', 413, ""),
]


def test_a_bad_decision_request_is_refused_with_its_place_and_nothing_is_stored(
    refused: Callable[[Case], None], case: Case
) -> None:
    refused(case)


@pytest.mark.parametrize(
    "inside",
    [
        '{"a": ["PRIVATE"]}',
        '{"a": {"b": {"c": "PRIVATE"}}}',
        f'{{"a": "PRIVATE{"x" * 300}"}}',
        '{"a": "PRIVATE", "b": NaN}',
        '{"a": "PRIVATE", "b": 1e999}',
        '{"a": "PRIVATE"',
        '{"a": "PRIVATE\\ud800"}',
        '"PRIVATE"',
        '["PRIVATE"]',
        '{"a": "PRIVATE" "b"}',
        '{"a": PRIVATE}',
    ],
)
def test_no_value_of_a_context_is_repeated_in_an_answer(
    crowded: WorkerInProcess, inside: str
) -> None:
    answer = crowded.post("/v1/decisions", context(inside))

    assert answer.status_code == 400
    assert "PRIVATE" not in answer.text
