"""The Flask application of one web worker.

Owns the order in which the parts are put together. Opens nothing: the worker
comes ready from its caller.
"""

from flask import Flask, Response, request

from bandit_svc import metrics
from bandit_svc.http import (
    auth,
    decisions,
    experiments,
    openapi,
    ops,
    problems,
    reports,
    rewards,
)
from bandit_svc.http.edge import Edge
from bandit_svc.web import pages


def create_app(edge: Edge) -> Flask:
    """Make the application around one worker."""
    app = Flask("bandit_svc", static_folder=None)
    problems.register(app)
    auth.register(app, edge.worker.catalog, dev=edge.worker.settings.dev)
    for room in (ops, decisions, rewards, experiments, reports):
        app.register_blueprint(room.blueprint(edge))
    app.register_blueprint(openapi.blueprint())
    app.register_blueprint(pages.blueprint(edge.worker.storage, edge.now_ms))
    app.after_request(_count)
    return app


def _count(response: Response) -> Response:
    rule = request.url_rule
    route = "unmatched" if rule is None else rule.rule
    metrics.REQUESTS.labels(route, str(response.status_code)).inc()
    return response
