"""The API, described for programs (`/openapi.json`).

Owns the description of every route; a test compares it with the routes that
exist.
"""

from typing import Any, NamedTuple

import msgspec
from flask import Blueprint, Flask, Response

from bandit_svc import __version__
from bandit_svc.domain.experiment import Definition
from bandit_svc.http.answers import DecisionAnswer, RewardAnswer, json_reply
from bandit_svc.http.evaluations import EvaluationAnswer, EvaluationBody
from bandit_svc.http.parsing import (
    DecisionBatchBody,
    DecisionBody,
    RewardBatchBody,
    RewardBody,
)
from bandit_svc.http.problems import Problem

Json = dict[str, Any]


class Operation(NamedTuple):
    """One route: its body, its answers, and the scope that it needs."""

    method: str
    path: str
    summary: str
    status: int
    access: str
    body: str | None = None
    answer: str | None = None
    problems: tuple[int, ...] = ()


_DECIDE = (400, 401, 404, 409, 413, 422, 503)
_WRITE = (400, 401, 403, 404, 409, 413, 503)
_READ = (401, 403, 404, 503)

PATCH = "DefinitionPatch"

OPERATIONS = (
    Operation(
        "post", "/v1/decisions",
        "Choose a variant for a context, log the choice durably, and answer.",
        201, "publishable", "DecisionBody", "DecisionAnswer", _DECIDE,
    ),
    Operation(
        "post", "/v1/decisions/batch",
        "Make up to 1,000 decisions; each entry is an answer or a problem, in order.",
        200, "publishable", "DecisionBatchBody", None, (400, 401, 413),
    ),
    Operation(
        "post", "/v1/decisions/{decision_id}/activate",
        "Say that the variant of a deferred decision was shown; idempotent.",
        202, "publishable", None, None, (401, 404, 409, 503),
    ),
    Operation(
        "get", "/v1/decisions/{decision_id}",
        "Read one decision with its rewards and what became of it.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "post", "/v1/rewards",
        "Report a reward; idempotent by reward_id. Durable when answered.",
        202, "publishable", "RewardBody", "RewardAnswer", (400, 401, 404, 413, 503),
    ),
    Operation(
        "post", "/v1/rewards/batch",
        "Report up to 1,000 rewards; each entry is an answer or a problem, in order.",
        202, "publishable", "RewardBatchBody", None, (400, 401, 413),
    ),
    Operation(
        "post", "/v1/experiments", "Create an experiment.",
        201, "secret", "Definition", None, _WRITE,
    ),
    Operation(
        "get", "/v1/experiments", "List the experiments.",
        200, "secret", None, None, (401, 403, 503),
    ),
    Operation(
        "get", "/v1/experiments/{key}", "Read one experiment's definition.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "patch", "/v1/experiments/{key}",
        "Change an experiment by a JSON merge patch (RFC 7396); a new revision.",
        200, "secret", PATCH, None, _WRITE,
    ),
    Operation(
        "get", "/v1/experiments/{key}/revisions",
        "Read every definition that an experiment has had, and why it was changed.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "get", "/v1/experiments/{key}/report",
        "Read groups, variants and uplift with intervals that hold at every look.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "get", "/v1/experiments/{key}/report.csv", "Read the report as CSV.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "get", "/v1/experiments/{key}/models", "List the kept model versions.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "post", "/v1/experiments/{key}/models/{version}/restore",
        "Serve an older model again, and learn on from now on top of it.",
        200, "secret", None, None, (401, 403, 404, 409, 503),
    ),
    Operation(
        "post", "/v1/experiments/{key}/evaluations",
        "Ask what policies would have earned; a job, whose place is in Location.",
        202, "secret", "EvaluationBody", "EvaluationAnswer", _WRITE,
    ),
    Operation(
        "get", "/v1/experiments/{key}/evaluations",
        "List the evaluations of an experiment, newest first, without results.",
        200, "secret", None, None, _READ,
    ),
    Operation(
        "get", "/v1/experiments/{key}/evaluations/{id}",
        "Read one evaluation: how far it is, and its result.",
        200, "secret", None, "EvaluationAnswer", _READ,
    ),
    Operation("get", "/healthz", "Whether the process is up.", 200, "open"),
    Operation(
        "get", "/readyz", "Whether decisions can be made durably.",
        200, "open", None, None, (503,),
    ),
    Operation("get", "/metrics", "Metrics for Prometheus.", 200, "open"),
    Operation("get", "/openapi.json", "This description.", 200, "open"),
    Operation("get", "/docs", "This description, to be read.", 200, "open"),
)  # fmt: skip


_TO_WORDS = str.maketrans("/{}.", "    ")


def register(app: Flask) -> None:
    """Add the route of the document; it needs nothing of the worker."""
    routes = Blueprint("openapi", __name__)
    description = build()

    @routes.get("/openapi.json")
    def document() -> Response:
        return json_reply(description).to_flask()

    app.register_blueprint(routes)


def build() -> Json:
    """Return the OpenAPI 3.1 document."""
    bodies = (
        DecisionBody, DecisionBatchBody, RewardBody, RewardBatchBody, Definition,
        DecisionAnswer, RewardAnswer, EvaluationBody, EvaluationAnswer, Problem,
    )  # fmt: skip
    _, schemas = msgspec.json.schema_components(
        bodies,
        schema_hook=_raw,
        ref_template="#/components/schemas/{name}",
    )
    schemas[PATCH] = _patch_of(schemas["Definition"])
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bandit_svc", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(operation: Operation) -> Json:
    answer: Json = {"description": operation.summary}
    if operation.answer:
        answer["content"] = _content("application/json", operation.answer)
    responses = {str(operation.status): answer}
    for status in operation.problems:
        responses[str(status)] = {
            "description": "a problem (RFC 9457)",
            "content": _content("application/problem+json", "Problem"),
        }
    described: Json = {
        "summary": operation.summary,
        "responses": responses,
        "operationId": _operation_id(operation),
        "security": _security(operation),
        "parameters": [
            {
                "name": part[1:-1],
                "in": "path",
                "required": True,
                "schema": {"type": "integer" if part == "{version}" else "string"},
            }
            for part in operation.path.split("/")
            if part.startswith("{")
        ],
    }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": _content("application/json", operation.body),
        }
    return described


def _operation_id(operation: Operation) -> str:
    """Name an operation by its method and path: `get_experiments_key_report`."""
    words = operation.path.replace("/v1/", "/").translate(_TO_WORDS).split()
    return "_".join([operation.method, *(words or ["status"])])


def _security(operation: Operation) -> list[Json]:
    return [] if operation.access == "open" else [{"key": []}]


def _patch_of(definition: Json) -> Json:
    """Describe a merge patch: any of the fields, null for its default."""
    return {
        "title": PATCH,
        "type": "object",
        "description": "A JSON merge patch (RFC 7396); null gives a field its default.",
        "properties": {
            name: {"anyOf": [schema, {"type": "null"}]}
            for name, schema in definition["properties"].items()
        },
        "additionalProperties": False,
    }


def _content(media_type: str, schema: str) -> Json:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _raw(kind: type) -> Json:
    """Describe the still encoded entries of a batch."""
    if kind is msgspec.Raw:
        return {"type": "object"}
    raise NotImplementedError(kind)
