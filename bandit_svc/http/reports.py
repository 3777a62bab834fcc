"""Routes of reports.

Owns the HTTP shape of reading results; what is true is services.report.build's.
"""

from flask import Blueprint, Response

from bandit_svc.http.answers import json_response
from bandit_svc.http.request_context import Edge
from bandit_svc.prose.report_csv import report_csv
from bandit_svc.services.report.build import build_report


def blueprint(edge: Edge) -> Blueprint:
    """Make the routes of one worker."""
    routes = Blueprint("reports", __name__)
    storage = edge.worker.storage

    @routes.get("/v1/experiments/<key>/report")
    def show(key: str) -> Response:
        experiment = storage.experiments.get(key)
        return json_response(build_report(storage, experiment, edge.now_ms()))

    @routes.get("/v1/experiments/<key>/report.csv")
    def show_csv(key: str) -> Response:
        experiment = storage.experiments.get(key)
        report = build_report(storage, experiment, edge.now_ms())
        return Response(
            report_csv(report),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{key}.csv"'},
        )

    return routes
