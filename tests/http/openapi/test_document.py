"""The description of the interface tells what there is, and is valid."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bandit_svc.http.problems import STATUS
from tests.harness.worker_in_process import WorkerInProcess

METHODS = {"get", "post", "patch", "put", "delete"}
# OpenAPI 3.1.1, section 4.8: the fields that this description may use.
TOP = {"openapi", "info", "paths", "components"}
OPERATION = {
    *("summary", "operationId", "responses", "security", "parameters", "requestBody"),
}


@pytest.fixture
def document(service: WorkerInProcess) -> dict[str, Any]:
    answer = service.client.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found: dict[str, Any] = answer.get_json()
    return found


def routes(service: WorkerInProcess) -> set[tuple[str, str]]:
    return {
        (method.lower(), re.sub(r"<(?:[^:<>]*(?:\([^)]*\))?:)?(\w+)>", r"{\1}", r.rule))
        for r in service.app.url_map.iter_rules()
        for method in (r.methods or set()) - {"HEAD", "OPTIONS"}
        if not r.endpoint.startswith("pages.") or r.rule == "/docs"
    }


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)


def test_it_describes_exactly_the_routes_that_exist(
    service: WorkerInProcess, document: dict[str, Any]
) -> None:
    assert {(m, p) for m, p, _ in operations(document)} == routes(service)


def test_its_parts_are_those_of_openapi_3_1(document: dict[str, Any]) -> None:
    assert set(document) == TOP
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert {"title", "version"} <= set(document["info"])
    assert all(path.startswith("/") for path in document["paths"])
    schemes = set(document["components"]["securitySchemes"])
    for method, _, operation in operations(document):
        assert method in METHODS
        assert set(operation) <= OPERATION
        assert operation["responses"]
        for status, response in operation["responses"].items():
            assert re.fullmatch(r"[1-5]\d\d", status)
            assert response["description"]
        for requirement in operation["security"]:
            assert set(requirement) <= schemes


def test_each_operation_has_its_own_id_and_the_parameters_of_its_path(
    document: dict[str, Any],
) -> None:
    described = operations(document)

    assert len({o["operationId"] for _, _, o in described}) == len(described)
    for _, path, operation in described:
        parameters = operation["parameters"]
        in_path = [p for p in parameters if p["in"] == "path"]
        assert [p["name"] for p in in_path] == re.findall(r"\{(\w+)\}", path)
        assert all(p["required"] for p in in_path)
        assert {p["in"] for p in parameters} <= {"path", "query", "header"}


def test_every_reference_leads_to_a_schema_and_every_schema_is_referred_to(
    document: dict[str, Any],
) -> None:
    prefix = "#/components/schemas/"
    found = {reference.removeprefix(prefix) for reference in references(document)}

    assert found == set(document["components"]["schemas"])


def test_answers_have_the_fields_that_are_described(
    service: WorkerInProcess, document: dict[str, Any]
) -> None:
    schemas = document["components"]["schemas"]
    service.create("hero")
    limited = [{"key": "a"}, {"key": "b", "when": "hour > 9"}]
    service.post("/v1/programmes", {"key": "shop"})
    service.create(
        "sticky", sticky={"for_seconds": 60}, variants=limited, programme="shop"
    )
    service.decide("sticky", unit_id="u")
    service.create("apprentice", mode="apprentice")
    shown = service.decide("apprentice", shown="a")
    decided = service.decide("sticky", unit_id="u")
    body = {"decision_id": decided["decision_id"], "value": 5}
    rewarded = service.post("/v1/rewards", body).json
    problem = service.post("/v1/decisions", {}).json

    assert {*decided, *shown} == set(schemas["DecisionAnswer"]["properties"])
    assert set(rewarded) == set(schemas["RewardAnswer"]["properties"])
    assert set(problem) == set(schemas["Problem"]["properties"])


def test_the_page_lists_every_route_and_every_kind_of_problem(
    service: WorkerInProcess, document: dict[str, Any]
) -> None:
    answer = service.client.get("/docs")

    page = html.unescape(answer.text)

    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    for method, path, operation in operations(document):
        assert f"{method.upper()} {path}<" in page
        assert operation["summary"] in page
    for kind in STATUS:
        assert f'id="{kind.code}"' in answer.text


def test_the_document_is_plain_json(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document
