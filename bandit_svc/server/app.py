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
    openapi,
    ops,
    problems,
    reports,
    rewards,
)
from bandit_svc.http.request_context import Edge, count_answer
from bandit_svc.server.fast_lane import FastLane
from bandit_svc.web import blueprint as pages
from bandit_svc.web.access import page_access, page_errors, sign_in
from bandit_svc.web.pages import docs_page


def create_app(edge: Edge) -> Flask:
    """Make the application around one worker."""
    app = Flask("bandit_svc", static_folder=None)
    # A doubled slash is a mistake in the caller's URL; a redirect would hide it.
    app.url_map.merge_slashes = False
    problems.register(app)
    headers.register(app)
    auth.register(app, edge.worker.catalog, dev=edge.worker.settings.dev)
    for room in (ops, decisions, rewards, experiments, evaluations, reports):
        app.register_blueprint(room.blueprint(edge))
    app.register_blueprint(openapi.blueprint())
    app.register_blueprint(docs_page.blueprint())
    gate = page_access.Gate(edge)
    page_access.register(app, gate)
    seen = (sign_in.blueprint(edge, gate), pages.blueprint(edge.worker, edge.now_ms))
    page_errors.register(app, seen)
    for routes in seen:
        app.register_blueprint(routes)
    app.after_request(_count)
    app.wsgi_app = FastLane(edge, app.wsgi_app)  # type: ignore[method-assign]
    return app


def _count(response: Response) -> Response:
    rule = request.url_rule
    # A path that is no route is free text: it gets no label of its own.
    route = "unmatched" if rule is None else rule.rule
    count_answer(route, response.status_code)
    return response
