"""The parameters of the operations in `/openapi.json`.

Owns their schemas, and where their examples come from: the recorded call, else the
table of those that the call leaves out.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from bandit_svc.http.openapi.operations import Operation
from bandit_svc.services.planning.plan import PlanRequest
from bandit_svc.services.report.ranges.asked import RangeQuery

Json = dict[str, Any]

_QUERIES = (PlanRequest, RangeQuery)
"""Their fields are the parameters of a query."""
_OPTIONAL: Mapping[str, object] = {
    "from": "2026-01-01",
    "to": "2027-01-01",
    "as_of": "2027-01-01",
    "holdout": 0.1,
    "sd": 0.5,
    "visits": 1.5,
    "icc": 0.2,
    "horizon": 28,
    "If-None-Match": '"0"',
}
"""Examples of parameters that the recorded calls leave out."""
_IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
}


def parameters_of(operation: Operation, recorded: Mapping[str, Any]) -> list[Json]:
    """Return the parameters of an operation, each with an example.

    Args:
        operation: the one.
        recorded: of its call; `parameters` are the values that it was made with.
    """
    found = [
        _of_path(name, operation) for name in re.findall(r"{(\w+)}", operation.path)
    ]
    found += _of_query(operation.query)
    if operation.has_tag:
        found.append(_IF_NONE_MATCH)
    sent = _OPTIONAL | recorded.get("parameters", {})
    return [_with_example(parameter, sent) for parameter in found]


def _with_example(parameter: Json, sent: Mapping[str, Any]) -> Json:
    name = parameter["name"]
    # A new operation has no example until its call has been recorded.
    return parameter | {"example": sent[name]} if name in sent else parameter


def _of_path(name: str, operation: Operation) -> Json:
    # A download takes the word `latest` too.
    is_number = name == "version" and operation.method == "post"
    kind: Json = {"type": "integer"} if is_number else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _of_query(name: str | None) -> list[Json]:
    """Return the parameters of a query from the fields of their struct."""
    if name is None:
        return []
    _, schemas = msgspec.json.schema_components(_QUERIES)
    required = schemas[name].get("required", [])
    return [
        {"name": field, "in": "query", "required": field in required, "schema": schema}
        for field, schema in schemas[name]["properties"].items()
    ]
