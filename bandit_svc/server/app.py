"""The Flask application of one web worker.

Owns the order in which the parts are put together. Opens nothing: the worker
comes ready from its caller.
"""

from flask import Flask, Response, request

from bandit_svc.http import (
    auth,
    decisions,
    evaluations,
    experiments,
    headers,
    ops,
    problems,
    reports,
    rewards,
)
from bandit_svc.http.counting import count_request
from bandit_svc.http.openapi import document
from bandit_svc.http.request_context import RequestContext
from bandit_svc.web import dashboard


def create_app(request_context: RequestContext) -> Flask:
    """Return the application around one worker.

    Each part has one function `register`, which adds its routes, checks and handlers
    to the application.
    """
    app = Flask("bandit_svc", static_folder=None)
    # A doubled slash is a mistake in the caller's URL; a redirect would hide it.
    app.url_map.merge_slashes = False
    problems.register(app)
    headers.register(app)
    auth.register(app, request_context)
    for room in (ops, decisions, rewards, experiments, evaluations, reports):
        room.register(app, request_context)
    document.register(app)
    dashboard.register(app, request_context)
    app.after_request(_count)
    return app


def _count(response: Response) -> Response:
    rule = request.url_rule
    # A path that is no route is free text: it gets no label of its own.
    route = "unmatched" if rule is None else rule.rule
    count_request(route, response.status_code)
    return response
