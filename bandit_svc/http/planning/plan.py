"""The route of the planner.

Owns the HTTP shape of a plan; its content is services.planning.plan's.
"""

from flask import Blueprint, Flask, Response, request

from bandit_svc.http.answers import json_reply
from bandit_svc.http.incoming.query import parse_query
from bandit_svc.services.planning.plan import PlanRequest, plan


def register(app: Flask) -> None:
    """Add the route to the application; it needs nothing of the worker."""
    routes = Blueprint("plan", __name__)

    @routes.get("/v1/plan")
    def show() -> Response:
        return json_reply(plan(parse_query(request.args, PlanRequest))).to_flask()

    app.register_blueprint(routes)
