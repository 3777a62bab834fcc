"""Routes of the OpenFeature Remote Evaluation Protocol (OFREP): experiments as flags.

Owns which evaluation is a decision, and which answer is given again. The decision
itself is that of /v1/decisions: the same functions make it, and log the propensity that
they drew with.
"""

from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.auth import check_experiment
from bandit_svc.http.decisions import decided_for
from bandit_svc.http.doors import ofrep_failures
from bandit_svc.http.doors.ofrep_bodies import (
    Asked,
    FlagEvaluation,
    FlagEvaluationFailure,
    FlagEvaluations,
    disabled,
    evaluation_of,
    parse_evaluation,
)
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.people.unit_names import kept_name
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.serving.flags.kept_flags import (
    asker_of,
    entity_tag,
    request_id_of,
)
from bandit_svc.services.serving.flags.stopped_variants import stopped_variants
from bandit_svc.services.serving.served_experiment import ServedExperiment


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("ofrep", __name__)
    ofrep_failures.register(routes)

    @routes.post("/ofrep/v1/evaluate/flags/<key>")
    def evaluate_one(key: str) -> Response:
        asked = parse_evaluation(parsing.read_body(request))
        caller = caller_of_request()
        check_experiment(caller.key, key, "/experiment")
        served = request_context.worker.catalog.prepared(key)
        answer = _evaluated(request_context, served, asked, caller)
        return json_reply(answer).to_flask()

    @routes.post("/ofrep/v1/evaluate/flags")
    def evaluate_all() -> Response:
        asked = parse_evaluation(parsing.read_body(request))
        return _all(request_context, asked, caller_of_request())

    app.register_blueprint(routes)


def _all(request_context: RequestContext, asked: Asked, caller: Caller) -> Response:
    """Answer for all flags that the key is for, or that nothing has changed."""
    catalog = request_context.worker.catalog
    only = () if caller.key is None else caller.key.experiments
    flags = [
        catalog.prepared(experiment.key)
        for experiment in catalog.all()
        if not only or experiment.key in only
    ]
    unit_id = kept_name(request_context, caller, asked.unit_id)
    asker = asker_of(unit_id, asked.context)
    tag = entity_tag(flags, asker, request_context.now_ms())
    if request.if_none_match.contains_weak(tag):
        response = Response(status=304)
    else:
        found = [
            _one_of_many(request_context, served, asked, caller, asker)
            for served in flags
        ]
        response = json_reply(FlagEvaluations(found)).to_flask()
    response.set_etag(tag)
    return response


def _one_of_many(
    request_context: RequestContext,
    served: ServedExperiment,
    asked: Asked,
    caller: Caller,
    asker: bytes,
) -> FlagEvaluation | FlagEvaluationFailure:
    worker = request_context.worker
    keep_ms = worker.settings.ofrep_cache_seconds * 1_000
    try:
        if served.experiment.definition.status != "running":
            return _evaluated(request_context, served, asked, caller)
        request_id = request_id_of(
            worker.serving, served, asker, request_context.now_ms(), keep_ms
        )
        return _evaluated(
            *(request_context, served, asked, caller),
            defer=True,
            request_id=request_id,
        )
    except Unavailable:
        # What could not be logged for one flag can't be for the others.
        raise
    except BanditError as error:
        # One flag that can't be evaluated does not fail the others.
        return ofrep_failures.failure_of(error, served.experiment.key)


def _evaluated(
    request_context: RequestContext,
    served: ServedExperiment,
    asked: Asked,
    caller: Caller,
    **how: Any,  # noqa: ANN401 - further fields of the request
) -> FlagEvaluation:
    """Decide, or tell what a stopped experiment shows."""
    definition = served.experiment.definition
    if definition.status != "running":
        now_ms = request_context.now_ms()
        return disabled(definition, stopped_variants(served, asked.context, now_ms))
    parsed = msgspec.structs.replace(asked.decision(definition.key), **how)
    return evaluation_of(decided_for(request_context, parsed, caller), definition)
