"""Routes of decisions.

Owns the HTTP shape of deciding and activating; the rules are in services.
"""

import time

import msgspec
from flask import Blueprint, Response, request

from bandit_svc import metrics
from bandit_svc.domain.events.decision_id import ENTROPY_BYTES
from bandit_svc.domain.times import timestamp
from bandit_svc.errors import BanditError, FieldError, InvalidInput, NotFound
from bandit_svc.http import parsing
from bandit_svc.http.answers import (
    DecisionAnswer,
    Reply,
    decision_answer,
    decision_record,
    json_reply,
    json_response,
    response_of,
)
from bandit_svc.http.problems import Problem, problem_of, retry_headers
from bandit_svc.http.request_context import Edge
from bandit_svc.services.serving.activate import activate
from bandit_svc.services.serving.decide import DecisionRequest, decide
from bandit_svc.services.serving.look_up import look_up


def blueprint(edge: Edge) -> Blueprint:
    """Make the routes of one worker."""
    routes = Blueprint("decisions", __name__)

    @routes.post("/v1/decisions")
    def create() -> Response:
        return response_of(decide_one(edge, parsing.read_body(request)))

    @routes.post("/v1/decisions/batch")
    def create_batch() -> Response:
        return response_of(decide_many(edge, parsing.read_batch(request)))

    @routes.post("/v1/decisions/<decision_id>/activate")
    def activate_one(decision_id: str) -> Response:
        worker = edge.worker
        _check_issued(edge, decision_id)
        activation = activate(
            worker.catalog, worker.log, worker.ids, decision_id, edge.now_ms()
        )
        return json_response(
            {
                "decision_id": decision_id,
                "activated_at": timestamp(activation.activated_at_ms),
                "status": "accepted",
            },
            202,
        )

    @routes.get("/v1/decisions/<decision_id>")
    def show(decision_id: str) -> Response:
        worker = edge.worker
        _check_issued(edge, decision_id)
        found = look_up(worker.storage.facts, worker.reader, decision_id)
        return json_response(decision_record(found))

    return routes


def decide_one(edge: Edge, body: bytes) -> Reply:
    """Answer POST /v1/decisions."""
    return json_reply(_decide(edge, parsing.parse_decision(body)), 201)


def decide_many(edge: Edge, body: bytes) -> Reply:
    """Answer POST /v1/decisions/batch."""
    items = parsing.parse_decision_batch(body)
    answers = [
        _decide_one_of_many(edge, item, f"/decisions/{index}")
        for index, item in enumerate(items)
    ]
    return json_reply({"decisions": answers}, 200, retry_headers(answers))


def _decide(edge: Edge, parsed: DecisionRequest) -> DecisionAnswer:
    began = time.perf_counter()
    decided = decide(
        edge.worker.decider, parsed, edge.now_ms(), edge.entropy(ENTROPY_BYTES)
    )
    decision = decided.decision
    if not decided.repeated:
        edge.count_decision(decision)
    metrics.DECISION_SECONDS.observe(time.perf_counter() - began)
    return decision_answer(decided)


def _decide_one_of_many(
    edge: Edge, item: msgspec.Raw, prefix: str
) -> DecisionAnswer | Problem:
    try:
        return _decide(edge, parsing.parse_decision(parsing.item_body(item)))
    except BanditError as error:
        # One bad request of a batch does not fail the others.
        return problem_of(error, prefix)


def _check_issued(edge: Edge, decision_id: str) -> None:
    """Answer 404 for an id in the path that this service did not issue."""
    try:
        edge.worker.ids.read(decision_id)
    except InvalidInput as error:
        raise NotFound(
            error.message, FieldError("decision_id", error.message)
        ) from error
