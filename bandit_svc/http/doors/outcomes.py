"""Route of what a page has to tell: rewards, events and activations in one body.

Owns that the key is in the body. A browser sends a beacon when a page is left, without
headers of the page's own and without asking beforehand whether it may. Each item is
taken as its own route takes it.
"""

from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, g, request

from bandit_svc.errors import FieldError, Forbidden
from bandit_svc.http import parsing
from bandit_svc.http.answers import json_reply
from bandit_svc.http.auth import check_key
from bandit_svc.http.decisions import activate_one_of_many
from bandit_svc.http.incoming.caller import caller_of_request
from bandit_svc.http.people.events import event_one_of_many
from bandit_svc.http.problems import retry_headers
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.rewards import reward_one_of_many


class OutcomesBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /v1/outcomes.

    Attributes:
        key: a publishable key; null for a service that runs with `--dev`.
        rewards: bodies of POST /v1/rewards.
        events: bodies of POST /v1/events.
        decision_ids: of deferred decisions that were shown.
    """

    key: str | None = None
    rewards: list[msgspec.Raw] = []
    events: list[msgspec.Raw] = []
    decision_ids: list[str] = []


class OutcomesAnswer(msgspec.Struct):
    """The answer to POST /v1/outcomes: an answer or a Problem for each item, in order.

    Attributes:
        activations: of `decision_ids`.
    """

    rewards: list[Any]
    events: list[Any]
    activations: list[Any]


_outcomes = msgspec.json.Decoder(OutcomesBody).decode


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the route to the application of one worker."""
    routes = Blueprint("outcomes", __name__)

    @routes.post("/v1/outcomes")
    def create() -> Response:
        sent = _parse(parsing.read_batch(request))
        _check_key(request_context, sent.key)
        return _take(request_context, sent)

    app.register_blueprint(routes)


def _parse(body: bytes) -> OutcomesBody:
    sent = parsing.decoded(_outcomes, body)
    for name in ("rewards", "events", "decision_ids"):
        parsing.within_limit(f"/{name}", getattr(sent, name))
    return sent


def _check_key(request_context: RequestContext, secret: str | None) -> None:
    """Accept a publishable key; a secret one has no place in a page.

    Raises:
        Unauthenticated: no such key exists, it was revoked, or it is expired.
        Forbidden: it is no publishable key, or is for pages of another origin.
        TooManyRequests: a setting allows it fewer.
    """
    if request_context.worker.settings.dev:
        return
    origin = request.headers.get("Origin")
    key = check_key(request_context, secret, "outcomes.create", origin)
    if key.scope != "publishable":
        detail = (
            f"the key {key.id} is {key.scope}, and in the body of a page everybody "
            "can read it; send a publishable key, and revoke this one"
        )
        raise Forbidden(detail, FieldError("/key", detail))
    g.key = key


def _take(request_context: RequestContext, sent: OutcomesBody) -> Response:
    """Take each item on its own; activations first, as what was shown earned more."""
    caller = caller_of_request()
    activations = [
        activate_one_of_many(request_context, id_, caller, f"/decision_ids/{index}")
        for index, id_ in enumerate(sent.decision_ids)
    ]
    rewards = [
        reward_one_of_many(request_context, item, caller, f"/rewards/{index}")
        for index, item in enumerate(sent.rewards)
    ]
    events = [
        event_one_of_many(request_context, item, caller, f"/events/{index}")
        for index, item in enumerate(sent.events)
    ]
    headers = retry_headers([*activations, *rewards, *events])
    answer = OutcomesAnswer(rewards, events, activations)
    return json_reply(answer, 202, headers).to_flask()
