"""Paths and bodies that no route takes: a problem, nothing stored."""

import gzip
from collections.abc import Callable

import pytest

Case = tuple[str, str, bytes | str, int, str | None]

GIGANTIC = "9" * 400

# Of bodies that are no JSON object, whatever the route wanted.
NO_OBJECT: list[tuple[str, bytes | str]] = [
    ("no body", b""),
    ("spaces", b"  \n"),
    ("null", "null"),
    ("list", "[]"),
    ("string", '"hero"'),
    ("number", "5"),
    ("cut off", '{"experiment": "he'),
    ("two documents", "{} {}"),
    ("trailing comma", '{"a": 1,}'),
    ("single quotes", "{'a': 1}"),
    ("byte order mark", b"\xef\xbb\xbf{}"),
    ("utf-16", '{"a": 1}'.encode("utf-16")),
    ("invalid utf-8", b'{"a": "\xff\xfe"}'),
    ("surrogate bytes", b'{"a": "\xed\xa0\x80"}'),
    ("lone surrogate", '{"a": "\\ud800"}'),
    ("gzip", gzip.compress(b'{"experiment": "hero"}')),
    ("bottomless", "[" * 30_000 + "]" * 30_000),
    ("bottomless objects", '{"a":' * 10_000 + "1" + "}" * 10_000),
    ("nul bytes", b"\x00" * 100),
    ("form", "experiment=hero&unit_id=1"),
]

ROUTES = [
    "POST /v1/decisions",
    "POST /v1/decisions/batch",
    "POST /v1/rewards",
    "POST /v1/rewards/batch",
    "POST /v1/experiments",
    "PATCH /v1/experiments/hero",
]

CASES: list[Case] = [
    ("PATCH /v1/experiments/nope", "unknown", "{}", 404, None),
    ("PATCH /v1/experiments/archived", "archived", '{"holdout": 0.2}', 409, None),
    ("POST /v1/decisions/FORGED/activate", "forged", "", 404, "/decision_id"),
    ("POST /v1/decisions/%FF%00/activate", "no text", "", 404, "/decision_id"),
    ("POST /v1/decisions/GOOD/activate", "not deferred", "", 409, "/decision_id"),
    ("POST /v1/decisions/OLD_DEFERRED/activate", "expired", "", 409, "/decision_id"),
    ("GET /v1/decisions/FORGED", "forged", "", 404, "/decision_id"),
    ("GET /v1/decisions/EXPIRED", "never kept", "", 404, "/decision_id"),
    ("GET /v1/experiments/nope", "unknown", "", 404, None),
    ("GET /v1/experiments/%FF%00", "no text", "", 404, None),
    ("GET /v1/experiments/nope/revisions", "unknown", "", 404, None),
    ("GET /v1/experiments/nope/report", "unknown", "", 404, None),
    ("GET /v1/experiments/nope/report.csv", "unknown", "", 404, None),
    ("GET /v1/experiments/nope/models", "unknown", "", 404, None),
    ("POST /v1/experiments/nope/models/1/restore", "unknown", "", 404, None),
    ("POST /v1/experiments/hero/models/1/restore", "no model", "", 404, None),
    ("POST /v1/experiments/hero/models/0/restore", "model 0", "", 404, None),
    ("POST /v1/experiments/hero/models/-1/restore", "model -1", "", 404, None),
    ("POST /v1/experiments/hero/models/x/restore", "model x", "", 404, None),
    (f"POST /v1/experiments/hero/models/{GIGANTIC}/restore", "model 9…", "", 404, None),
    ("GET /nope", "unknown route", "", 404, None),
    ("POST /v1/decisions/", "trailing slash", "", 404, None),
    ("GET /v1//experiments", "doubled slash", "", 404, None),
    ("PUT /v1/decisions", "method", "", 405, None),
    ("BREW /v1/decisions", "odd method", "", 405, None),
    ("DELETE /v1/experiments/hero", "method", "", 405, None),
]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "body", [pytest.param(body, id=name) for name, body in NO_OBJECT]
)
def test_a_body_that_is_no_plain_json_object_is_refused(
    refused: Callable[[Case], None], route: str, body: bytes | str
) -> None:
    refused((route, "", body, 400, "*"))


def test_what_the_path_names_must_exist_and_be_in_the_right_state(
    refused: Callable[[Case], None], case: Case
) -> None:
    refused(case)
