"""The interface, described for people (`/docs`).

Owns the route; what it lists is `http.openapi`'s and `http.problems`'. Open without a
key, as `/openapi.json` is.
"""

from flask import Blueprint, render_template

from bandit_svc.http.openapi import OPERATIONS
from bandit_svc.http.problems import STATUS


def blueprint() -> Blueprint:
    """Return the route; it needs nothing of the worker."""
    routes = Blueprint("docs", __name__)

    @routes.get("/docs")
    def show() -> str:
        codes = {kind.code: row for kind, row in STATUS.items()}
        return render_template("docs.html", operations=OPERATIONS, problems=codes)

    return routes
