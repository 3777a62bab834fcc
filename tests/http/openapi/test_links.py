"""The links and examples of `/openapi.json` lead from each call to the next ones."""

import re
from typing import Any, NamedTuple

import pytest

from bandit_svc.http.openapi.document import build
from bandit_svc.http.openapi.operations import OPERATIONS, Operation
from tests.harness.json_schema import faults

DOCUMENT = build()
SCHEMAS = DOCUMENT["components"]["schemas"]
each_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=[one.name for one in OPERATIONS]
)


class Found(NamedTuple):
    """A link of the document, and the operations at both of its ends."""

    label: str
    source: dict[str, Any]
    link: dict[str, Any]
    target: dict[str, Any]


def described(operation: Operation) -> Any:
    return DOCUMENT["paths"][operation.path][operation.method]


def links() -> list[Found]:
    by_id = {described(one)["operationId"]: described(one) for one in OPERATIONS}
    return [
        Found(f"{one.name} {name}", described(one), link, by_id[link["operationId"]])
        for one in OPERATIONS
        for name, link in described(one)["responses"][str(one.status)]
        .get("links", {})
        .items()
    ]


each_link = pytest.mark.parametrize("found", links(), ids=[f.label for f in links()])


@each_operation
def test_every_parameter_has_an_example_of_its_type(operation: Operation) -> None:
    for parameter in described(operation)["parameters"]:
        assert "example" in parameter, (
            f"{parameter['name']} has no example; call the operation in "
            "tests/harness/api_examples.py and run python -m tests.harness.api_examples"
        )
        assert faults(parameter["example"], parameter["schema"], SCHEMAS) == []


@each_operation
def test_every_refusal_has_an_example_of_its_status(operation: Operation) -> None:
    answers = described(operation)["responses"]
    for status in set(answers) - {str(operation.status), "304"}:
        (content,) = answers[status]["content"].values()

        assert faults(content["example"], content["schema"], SCHEMAS) == []
        if "status" in content["example"]:
            assert str(content["example"]["status"]) == status
        assert ("Retry-After" in answers[status].get("headers", {})) == (
            status in {"429", "503"}
        )


def test_every_operation_on_something_that_was_made_is_linked_to() -> None:
    linked = {found.link["operationId"] for found in links()}

    for operation in OPERATIONS:
        if "{" in operation.path and operation.media != "text/javascript":
            assert described(operation)["operationId"] in linked, (
                f"nothing leads to {operation.name}; add a link in "
                "http/openapi/links.py from the operation that makes what it is about"
            )


@each_link
def test_a_link_fills_the_path_of_its_target(found: Found) -> None:
    in_path = {p["name"] for p in found.target["parameters"] if p["in"] == "path"}

    assert set(found.link.get("parameters", {})) == in_path


@each_link
def test_a_link_has_a_body_where_its_target_needs_one(found: Found) -> None:
    needs = found.target.get("requestBody")
    if needs is None:
        assert "requestBody" not in found.link
        return
    schema = needs["content"]["application/json"]["schema"]

    assert faults(found.link["requestBody"], schema, SCHEMAS) == []


@each_link
def test_what_a_link_takes_is_in_the_example_of_its_source(found: Found) -> None:
    for expression in expressions(found.link):
        value = value_of(expression, found.source)

        assert value is not None, expression


def expressions(value: object) -> list[str]:
    if isinstance(value, dict):
        return [one for child in value.values() for one in expressions(child)]
    if isinstance(value, list):
        return [one for child in value for one in expressions(child)]
    return [value] if isinstance(value, str) and value.startswith("$") else []


def value_of(expression: str, source: dict[str, Any]) -> object:
    """Return what a runtime expression takes from the examples of an operation."""
    path = re.fullmatch(r"\$request\.path\.(\w+)", expression)
    if path:
        return next(p["example"] for p in source["parameters"] if p["name"] == path[1])
    body = re.fullmatch(r"\$(request|response)\.body#(/.+)", expression)
    assert body, f"{expression} is no expression that this test knows"
    if body[1] == "request":
        content = source["requestBody"]["content"]
    else:
        content = next(v for k, v in source["responses"].items() if k[0] == "2")
        content = content["content"]
    value: Any = content["application/json"]["example"]
    for part in body[2].split("/")[1:]:
        value = value[int(part) if isinstance(value, list) else part]
    return value
