"""The API, described for programs (`/openapi.json`).

Owns the document: schemas of the structs that bodies and answers are, and an example
of each. The examples were recorded from real calls (examples.json).
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response

from bandit_svc import __version__
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.programmes.programme import ProgrammeDefinition
from bandit_svc.http import records
from bandit_svc.http.answers import DecisionAnswer, RewardAnswer, json_reply
from bandit_svc.http.doors import ofrep_bodies, outcomes
from bandit_svc.http.doors.segment import failures as segment_failures
from bandit_svc.http.doors.segment import messages, tracking
from bandit_svc.http.doors.webhooks import managing, receiving
from bandit_svc.http.doors.webhooks.recording import WebhookOutcome
from bandit_svc.http.evaluations import (
    EvaluationAnswer,
    EvaluationBody,
    EvaluationList,
)
from bandit_svc.http.local.bodies import LocalLogAnswer, LocalLogBody, LoggedAnswer
from bandit_svc.http.openapi.links import LINKS
from bandit_svc.http.openapi.operations import (
    DECISION_OR_PAGE,
    DOCUMENT,
    OPERATIONS,
    PATCH,
    PROBLEM,
    PROGRAMME_PATCH,
    Access,
    Operation,
)
from bandit_svc.http.openapi.parameters import parameters_of
from bandit_svc.http.openapi.refusals import (
    DESCRIPTIONS,
    WITH_RETRY_AFTER,
    example_of,
)
from bandit_svc.http.openapi.schema_forms import plain_form
from bandit_svc.http.parsing import (
    ActivationBatchBody,
    DecisionBatchBody,
    DecisionBody,
    RewardBatchBody,
    RewardBody,
)
from bandit_svc.http.people import bodies, erasures, unit_rewards, why_shown
from bandit_svc.http.problems import Problem
from bandit_svc.http.programmes import routes as programmes
from bandit_svc.http.slots.answers import PageAnswer
from bandit_svc.http.splits.splits import SplitCommand
from bandit_svc.services.evaluation.evaluate import Evaluation
from bandit_svc.services.managing.splits.listed import Splits
from bandit_svc.services.planning.plan import Plan
from bandit_svc.services.report.programmes.build import ProgrammeReport
from bandit_svc.services.report.ranges.report_json import NOT_IN_A_RANGE
from bandit_svc.services.report.report import Report
from bandit_svc.services.serving.local.log_decision import LocalDecision

Json = dict[str, Any]
_STRUCTS = (
    DecisionBody, DecisionBatchBody, DecisionAnswer, PageAnswer,
    records.DecisionBatchAnswer,
    records.ActivationAnswer, ActivationBatchBody, records.ActivationBatchAnswer,
    records.DecisionRecord, RewardBody, RewardBatchBody,
    RewardAnswer, records.RewardBatchAnswer, Definition, records.ExperimentRecord,
    records.ExperimentList, records.RevisionList, records.ModelList, Report,
    EvaluationBody, EvaluationAnswer, EvaluationList, Evaluation, records.Health,
    records.Readiness, Problem, Plan, bodies.EventBody, bodies.EventBatchBody,
    bodies.EventAnswer, bodies.EventBatchAnswer, bodies.UnitBody,
    bodies.UnitChangeAnswer, bodies.UnitRecord, erasures.ErasureAnswer,
    unit_rewards.RewardRecords, ofrep_bodies.FlagEvaluationBody,
    ofrep_bodies.FlagEvaluations, ofrep_bodies.FlagEvaluation,
    ofrep_bodies.FlagEvaluationFailure,
    why_shown.WhyAnswer, outcomes.OutcomesBody, outcomes.OutcomesAnswer,
    messages.SegmentMessage, messages.SegmentBatch,
    tracking.SegmentAnswer, segment_failures.SegmentFailure,
    receiving.WebhookBody, receiving.WebhookAnswer, WebhookOutcome,
    managing.SourceBody, managing.SecretBody, managing.SourceList,
    programmes.ProgrammeRecord, programmes.ProgrammeList, ProgrammeDefinition,
    managing.SourceRecord, managing.IssuedSource, SplitCommand, Splits,
    ProgrammeReport, LocalLogBody, LocalLogAnswer, LocalDecision, LoggedAnswer,
)  # fmt: skip
_BATCHES = (("Decision", "decisions"), ("Reward", "rewards"), ("Event", "events"))
_TO_WORDS = str.maketrans("/{}.", "    ")
_PREFIX = "#/components/schemas/"
PROBLEM_MEDIA = "application/problem+json"


def register(app: Flask) -> None:
    """Add the route of the document; it needs nothing of the worker."""
    routes = Blueprint("openapi", __name__)
    description = build()

    @routes.get("/openapi.json")
    def document() -> Response:
        return json_reply(description).to_flask()

    app.register_blueprint(routes)


@cache
def build() -> Json:
    """Return the OpenAPI 3.1 document, which is one for all applications."""
    paths: dict[str, Json] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bandit_svc", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": plain_form(_schemas()),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "write_key": {"type": "http", "scheme": "basic"},
            },
        },
    }


@cache
def examples() -> Json:
    """Return the recorded bodies by operation: `request` and `answer`."""
    text = files("bandit_svc.http.openapi").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(text, type=Json)


def _schemas() -> Json:
    _, schemas = msgspec.json.schema_components(
        _STRUCTS, schema_hook=_raw, ref_template=_PREFIX + "{name}"
    )
    # A report of a range has no more than is known of it.
    for name, missing in NOT_IN_A_RANGE.items():
        required = schemas[name]["required"]
        schemas[name]["required"] = [n for n in required if n not in missing]
    schemas["Check"] = _check_of(schemas["Check"])
    schemas["EvaluationAnswer"]["properties"]["result"] = {
        "anyOf": [_reference("Evaluation"), {"type": "null"}],
        "description": "Null until the evaluation is done; absent in lists.",
    }
    schemas[DECISION_OR_PAGE] = {
        "title": DECISION_OR_PAGE,
        "description": "A page where `slots` were asked for, else one decision.",
        "anyOf": [_reference("DecisionAnswer"), _reference("PageAnswer")],
    }
    for batch, items in _BATCHES:
        # Their entries are decoded one by one, so that a bad one is refused alone.
        properties = schemas[f"{batch}BatchBody"]["properties"]
        properties[items]["items"] = _reference(f"{batch}Body")
        answers = schemas[f"{batch}BatchAnswer"]["properties"]
        one = DECISION_OR_PAGE if batch == "Decision" else f"{batch}Answer"
        entry = [_reference(one), _reference("Problem")]
        answers[items] = {"type": "array", "items": {"anyOf": entry}}
    entry = [_reference("ActivationAnswer"), _reference("Problem")]
    activations = schemas["ActivationBatchAnswer"]["properties"]
    activations["activations"] = {"type": "array", "items": {"anyOf": entry}}
    sent = schemas["LocalLogBody"]["properties"]
    sent["decisions"]["items"] = _reference("LocalDecision")
    entry = [_reference("LoggedAnswer"), _reference("Problem")]
    logged = schemas["LocalLogAnswer"]["properties"]
    logged["decisions"] = {"type": "array", "items": {"anyOf": entry}}
    _describe_outcomes(schemas)
    taken = schemas["SegmentBatch"]["properties"]
    taken["batch"]["items"] = _reference("SegmentMessage")
    entry = [_reference("FlagEvaluation"), _reference("FlagEvaluationFailure")]
    evaluated = schemas["FlagEvaluations"]["properties"]
    evaluated["flags"] = {"type": "array", "items": {"anyOf": entry}}
    entry = [_reference("WebhookOutcome"), _reference("Problem")]
    delivered = schemas["WebhookAnswer"]["properties"]
    delivered["outcomes"] = {"type": "array", "items": {"anyOf": entry}}
    schemas[PATCH] = _patch_of(PATCH, schemas["Definition"])
    schemas[PROGRAMME_PATCH] = _patch_of(
        PROGRAMME_PATCH, schemas["ProgrammeDefinition"]
    )
    schemas[DOCUMENT] = {
        "title": DOCUMENT,
        "type": "object",
        "description": "An OpenAPI 3.1 document.",
        "properties": {"openapi": {"type": "string"}, "paths": {"type": "object"}},
        "required": ["openapi", "paths"],
    }
    return schemas


def _describe_outcomes(schemas: Json) -> None:
    """Fill in what the items of a page's body are, and their answers."""
    sent = schemas["OutcomesBody"]["properties"]
    answered = schemas["OutcomesAnswer"]["properties"]
    sent["rewards"]["items"] = _reference("RewardBody")
    sent["events"]["items"] = _reference("EventBody")
    for items, kind in (
        ("rewards", "Reward"), ("events", "Event"), ("activations", "Activation"),
    ):  # fmt: skip
        entry = [_reference(f"{kind}Answer"), _reference("Problem")]
        answered[items] = {"type": "array", "items": {"anyOf": entry}}


def _operation(operation: Operation) -> Json:
    recorded = examples().get(operation.name, {})
    answer: Json = {"description": operation.summary}
    schema = _reference(operation.answer) if operation.answer else {"type": "string"}
    if operation.media == "application/octet-stream":
        schema["format"] = "binary"
    answer["content"] = _content(operation.media, schema, recorded.get("answer"))
    responses = {str(operation.status): answer}
    if operation.has_tag:
        answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
        responses["304"] = {"description": "Nothing has changed since that ETag."}
    compressed = (415,) if operation.body else ()
    for status in (*operation.problems, *compressed, 500):
        media = "application/json" if operation.failure != PROBLEM else PROBLEM_MEDIA
        responses[str(status)] = {
            "description": DESCRIPTIONS[status],
            "content": _content(
                media,
                _reference(operation.failure),
                example_of(status, operation.failure),
            ),
        }
        if status in WITH_RETRY_AFTER:
            responses[str(status)]["headers"] = {"Retry-After": _SECONDS}
    described: Json = {
        "summary": operation.summary,
        "responses": responses,
        "operationId": _operation_id(operation),
        "security": _SECURITY[operation.access],
        "parameters": parameters_of(operation, recorded),
    }
    if operation.name in LINKS:
        answer["links"] = {
            link.name: _link(link.to, link.parameters, link.body)
            for link in LINKS[operation.name]
        }
    if operation.body:
        described["requestBody"] = {
            "required": True,
            "content": _content(
                "application/json", _reference(operation.body), recorded.get("request")
            ),
        }
    return described


_SECONDS: Json = {"schema": {"type": "integer"}, "description": "in seconds"}
_SECURITY: dict[Access, list[Json]] = {
    "open": [],
    "publishable": [{"key": []}],
    "secret": [{"key": []}],
    "write_key": [{"write_key": []}],
}


def _link(to: str, parameters: Mapping[str, str], body: Json | None) -> Json:
    """Return the Link Object to an operation by its name."""
    (target,) = (one for one in OPERATIONS if one.name == to)
    link: Json = {"operationId": _operation_id(target)}
    if parameters:
        link["parameters"] = dict(parameters)
    if body is not None:
        # Without it, schemathesis mixes the body with one that it makes up.
        link |= {"requestBody": body, "x-schemathesis": {"merge_body": False}}
    return link


def _operation_id(operation: Operation) -> str:
    """Name an operation by its method and path: `get_experiments_key_report`."""
    words = operation.path.replace("/v1/", "/").translate(_TO_WORDS).split()
    return "_".join([operation.method, *(words or ["status"])])


def _check_of(schema: Json) -> Json:
    """Describe a check as the contract has it: its numbers beside its name."""
    own = schema["properties"]
    named = {key: own[key] for key in ("status", "detail", "policy")}
    return {
        "title": "Check",
        "type": "object",
        "description": "One check; what it found has further numbers, by name.",
        "properties": {
            "check": own["name"],
            **named,
            "keys": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "required": ["check", "status", "detail"],
        "additionalProperties": {"type": "number"},
    }


def _patch_of(title: str, definition: Json) -> Json:
    """Describe a merge patch: any of the fields, null for its default."""
    return {
        "title": title,
        "type": "object",
        "description": "A JSON merge patch (RFC 7396); null gives a field its default.",
        "properties": {
            name: {"anyOf": [schema, {"type": "null"}]}
            for name, schema in definition["properties"].items()
        },
        "additionalProperties": False,
    }


def _reference(schema: str) -> Json:
    return {"$ref": _PREFIX + schema}


def _content(media_type: str, schema: Json, example: object) -> Json:
    # A new operation has no example until `make reference` has recorded one.
    shown = {} if example is None else {"example": example}
    return {media_type: {"schema": schema, **shown}}


def _raw(kind: type) -> Json:
    """Describe the still encoded entries of a batch."""
    if kind is msgspec.Raw:
        return {"type": "object"}
    # How a schema hook tells msgspec that it does not know a type.
    raise NotImplementedError(kind)
