"""Routes of the OpenFeature Remote Evaluation Protocol (OFREP): experiments as flags.

Owns which evaluation is a decision. The decision itself is that of /v1/decisions: the
same functions make it, and log the propensity that they drew with.
"""

from flask import Blueprint, Flask, Response, request

from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.auth import check_experiment
from bandit_svc.http.decisions import decided_for
from bandit_svc.http.doors import ofrep_failures
from bandit_svc.http.doors.ofrep_bodies import (
    Asked,
    FlagEvaluation,
    disabled,
    evaluation_of,
    parse_evaluation,
)
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.serving.flags.stopped_variant import stopped_variant


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("ofrep", __name__)
    ofrep_failures.register(routes)

    @routes.post("/ofrep/v1/evaluate/flags/<key>")
    def evaluate_one(key: str) -> Response:
        asked = parse_evaluation(parsing.read_body(request))
        answer = _evaluated(request_context, key, asked, caller_of_request())
        return json_reply(answer).to_flask()

    app.register_blueprint(routes)


def _evaluated(
    request_context: RequestContext, key: str, asked: Asked, caller: Caller
) -> FlagEvaluation:
    """Decide, which is an exposure, or tell what a stopped experiment shows."""
    check_experiment(caller.key, key, "/experiment")
    served = request_context.worker.catalog.prepared(key)
    definition = served.experiment.definition
    if definition.status != "running":
        variant = stopped_variant(served, asked.context, request_context.now_ms())
        return disabled(definition, variant.key, variant.payload)
    decided = decided_for(request_context, asked.decision(key), caller)
    return evaluation_of(decided, definition)
