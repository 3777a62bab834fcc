"""Routes of reports.

Owns the HTTP shape of a report; its content is services.report.build's.
"""

from flask import Blueprint, Flask, Response

from bandit_svc.http.answers import json_reply
from bandit_svc.http.request_context import RequestContext
from bandit_svc.prose.report_csv import report_csv
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.report.build import build_report


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("reports", __name__)
    storage = request_context.worker.storage

    @routes.get("/v1/experiments/<key>/report")
    def show(key: str) -> Response:
        experiment = storage.experiments.get(key)
        report = build_report(storage, experiment, request_context.now_ms())
        return json_reply(checked_json(report)).to_flask()

    @routes.get("/v1/experiments/<key>/report.csv")
    def show_csv(key: str) -> Response:
        experiment = storage.experiments.get(key)
        report = build_report(storage, experiment, request_context.now_ms())
        return Response(
            report_csv(report),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{key}.csv"'},
        )

    app.register_blueprint(routes)
