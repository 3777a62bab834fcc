"""Routes of events.

Owns the HTTP shape of reporting what a unit did; the rules are in
services.people.record_event.
"""

import msgspec
from flask import Blueprint, Flask, Response, request

from bandit_svc.errors import BanditError
from bandit_svc.http import parsing
from bandit_svc.http.answers import Reply, Steps, json_reply, made_at_once
from bandit_svc.http.incoming.caller import Caller, caller_of_request
from bandit_svc.http.people.bodies import (
    EventAnswer,
    EventBatchAnswer,
    parse_event,
    parse_event_batch,
)
from bandit_svc.http.people.unit_names import kept_name
from bandit_svc.http.people.unit_rewards import reward_of_event, values_of_event
from bandit_svc.http.problems import Problem, problem_of, retry_headers
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.people.record_event import (
    EventReport,
    check_event,
    record_event,
)

_ID_BYTES = 12


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("events", __name__)

    @routes.post("/v1/events")
    def create() -> Response:
        body = parsing.read_body(request)
        return event_one(request_context, body, caller_of_request()).to_flask()

    @routes.post("/v1/events/batch")
    def create_batch() -> Response:
        body = parsing.read_batch(request)
        steps = event_many(request_context, body, caller_of_request())
        return made_at_once(steps).to_flask()

    app.register_blueprint(routes)


def event_one(request_context: RequestContext, body: bytes, caller: Caller) -> Reply:
    """Answer POST /v1/events; every key that reports events may do so."""
    return json_reply(_record(request_context, body, caller), 202)


def event_many(request_context: RequestContext, body: bytes, caller: Caller) -> Steps:
    """Answer POST /v1/events/batch, item by item."""
    answers: list[EventAnswer | Problem] = []
    for index, item in enumerate(parse_event_batch(body)):
        place = f"/events/{index}"
        answers.append(event_one_of_many(request_context, item, caller, place))
        yield
    return json_reply(EventBatchAnswer(answers), 202, retry_headers(answers))


def _record(
    request_context: RequestContext, body: bytes, caller: Caller
) -> EventAnswer:
    return record_sent(request_context, parse_event(body), caller)


def record_sent(
    request_context: RequestContext, sent: EventReport, caller: Caller
) -> EventAnswer:
    """Record an event whose unit is named as it was sent.

    Raises:
        BanditError: as of `record_event`.
    """
    worker = request_context.worker
    name = kept_name(request_context, caller, sent.unit_id)
    now_ms = request_context.now_ms()
    new_id = request_context.entropy(_ID_BYTES).hex()
    event = msgspec.structs.replace(sent, unit_id=name)
    if event.decision_id is not None:
        # Of an event that is refused, its reward is not kept either.
        check_event(event, now_ms)
    rewarded = reward_of_event(request_context, event, caller, new_id)
    rewards = values_of_event(request_context, event, caller, rewarded)
    recorded = record_event(
        worker.people,
        event,
        worker.catalog.trails(),
        now_ms,
        new_id,
        rewards,
        opted_out=caller.opted_out,
    )
    return EventAnswer(*recorded)


def event_one_of_many(
    request_context: RequestContext, item: msgspec.Raw, caller: Caller, prefix: str
) -> EventAnswer | Problem:
    """Answer for one event of a batch; `prefix` is the pointer to it."""
    try:
        return _record(request_context, parsing.item_body(item), caller)
    except BanditError as error:
        # One bad event of a batch does not fail the others.
        return problem_of(error, prefix)
