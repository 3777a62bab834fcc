"""Routes of decisions.

Owns the HTTP shape of deciding and activating; the rules are in services.serving.
"""

import time

from flask import Blueprint, Flask, Response, request

from bandit_svc.domain.events.decision_id import ENTROPY_BYTES
from bandit_svc.domain.times import timestamp
from bandit_svc.errors import BanditError, FieldError, InvalidInput, NotFound
from bandit_svc.http import parsing
from bandit_svc.http.answers import (
    DecisionAnswer,
    Reply,
    Steps,
    json_reply,
    made_at_once,
)
from bandit_svc.http.auth import check_experiment
from bandit_svc.http.brought.together import Together, asked_by, count_decided
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.problems import Problem, problem_of, retry_headers
from bandit_svc.http.records import (
    ActivationAnswer,
    ActivationBatchAnswer,
    DecisionBatchAnswer,
    decision_record,
)
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.slots.answers import PageAnswer, answer_of
from bandit_svc.services.serving.activate import activate
from bandit_svc.services.serving.conditions import ineligible
from bandit_svc.services.serving.decide import Decided, DecisionRequest, decide
from bandit_svc.services.serving.look_up import look_up
from bandit_svc.storage.keys import KeyRow


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("decisions", __name__)

    @routes.post("/v1/decisions")
    def create() -> Response:
        body = parsing.read_body(request)
        return decide_one(request_context, body, caller_of_request()).to_flask()

    @routes.post("/v1/decisions/batch")
    def create_batch() -> Response:
        body = parsing.read_batch(request)
        steps = decide_many(request_context, body, caller_of_request())
        return made_at_once(steps).to_flask()

    @routes.post("/v1/decisions/<decision_id>/activate")
    def activate_one(decision_id: str) -> Response:
        _check_issued(request_context, decision_id)
        answer = _activate(request_context, decision_id, caller_of_request())
        return json_reply(answer, 202).to_flask()

    @routes.post("/v1/activations/batch")
    def activate_batch() -> Response:
        ids = parsing.parse_activation_batch(parsing.read_batch(request))
        caller = caller_of_request()
        answers = [
            activate_one_of_many(
                request_context, decision_id, caller, f"/decision_ids/{index}"
            )
            for index, decision_id in enumerate(ids)
        ]
        answer = ActivationBatchAnswer(answers)
        return json_reply(answer, 202, retry_headers(answers)).to_flask()

    @routes.get("/v1/decisions/<decision_id>")
    def show(decision_id: str) -> Response:
        worker = request_context.worker
        _check_issued(request_context, decision_id)
        found = look_up(
            worker.storage.facts, worker.reader, worker.decoder, decision_id
        )
        experiment = worker.storage.experiments.get(found.decision.experiment)
        revision = found.decision.revision
        made_with = worker.catalog.at_revision(experiment, revision)
        out = ineligible(made_with, found.decision)
        record = decision_record(found, experiment.definition, out)
        return json_reply(record).to_flask()

    app.register_blueprint(routes)


def decide_one(request_context: RequestContext, body: bytes, caller: Caller) -> Reply:
    """Answer POST /v1/decisions."""
    parsed = request_context.decision_bodies.parse(body)
    answer = _decide(request_context, parsed, caller)
    reply = json_reply(answer, 201)
    # A request without a name of its own has that of what it made.
    reply.request_id = caller.request_id or answer.decision_id
    return reply


def decide_many(request_context: RequestContext, body: bytes, caller: Caller) -> Steps:
    """Answer POST /v1/decisions/batch; some items are decided together."""
    items = parsing.parse_decision_batch(body)
    answers: dict[int, DecisionAnswer | PageAnswer | Problem] = {}
    together = Together(request_context, caller)
    for index, item in enumerate(items):
        try:
            parsed = request_context.decision_bodies.parse(parsing.item_body(item))
            together.add(index, parsed)
        except BanditError as error:
            # One bad request of a batch does not fail the others.
            answers[index] = problem_of(error, f"/decisions/{index}")
        if together.is_full:
            answers |= together.answers()
        yield
    answers |= together.answers()
    answer = DecisionBatchAnswer([answers[index] for index in range(len(items))])
    return json_reply(answer, 200, retry_headers(answer.decisions))


def check_decision(
    request_context: RequestContext, key: KeyRow | None, decision_id: str
) -> None:
    """Refuse a decision of an experiment that a key is not for.

    Raises:
        Forbidden: the key is restricted to other experiments.
        InvalidInput: this service did not issue the id.
    """
    if key is None or not key.experiments:
        return
    number = request_context.worker.ids.read(decision_id).experiment_number
    experiment = request_context.worker.catalog.by_number(number)
    check_experiment(key, experiment.key, "/decision_id")


def decided_for(
    request_context: RequestContext, parsed: DecisionRequest, caller: Caller
) -> Decided:
    """Decide for a caller, by whichever protocol it asks; counted and timed.

    Args:
        request_context: of the worker.
        parsed: the request, with the id of the unit as it was sent.
        caller: who sent it.

    Raises:
        Forbidden: the key is not for the experiment.
        BanditError: as `services.serving.decide`.
    """
    began = time.perf_counter()
    parsed = asked_by(request_context, parsed, caller)
    decided = decide(
        request_context.worker.serving,
        parsed,
        request_context.now_ms(),
        request_context.entropy(ENTROPY_BYTES),
        caller.request_id,
        opted_out=caller.opted_out,
    )
    count_decided(request_context, decided, time.perf_counter() - began)
    return decided


def _decide(
    request_context: RequestContext, parsed: DecisionRequest, caller: Caller
) -> DecisionAnswer | PageAnswer:
    return answer_of(decided_for(request_context, parsed, caller))


def _activate(
    request_context: RequestContext, decision_id: str, caller: Caller
) -> ActivationAnswer:
    check_decision(request_context, caller.key, decision_id)
    serving, now_ms = request_context.worker.serving, request_context.now_ms()
    activation = activate(serving, decision_id, now_ms)
    return ActivationAnswer(decision_id, timestamp(activation.activated_at_ms))


def activate_one_of_many(
    request_context: RequestContext, decision_id: str, caller: Caller, place: str
) -> ActivationAnswer | Problem:
    """Answer for one activation of a batch; `place` is the pointer to its id."""
    try:
        return _activate(request_context, decision_id, caller)
    except BanditError as error:
        # One bad id of a batch does not fail the others; it is the whole item.
        problem = problem_of(error)
        for field in problem.errors:
            field["pointer"] = place
        return problem


def _check_issued(request_context: RequestContext, decision_id: str) -> None:
    """Answer 404 for an id in the path that this service did not issue."""
    try:
        request_context.worker.ids.read(decision_id)
    except InvalidInput as error:
        raise NotFound(
            error.message, FieldError("/decision_id", error.message)
        ) from error
