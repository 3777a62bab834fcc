"""Routes of reports.

Owns the HTTP shape of a report; its content is services.report's.
"""

from flask import Blueprint, Flask, Response, request

from bandit_svc.http.answers import json_reply
from bandit_svc.http.incoming.query import parse_known
from bandit_svc.http.request_context import RequestContext
from bandit_svc.prose.report_csv import report_csv
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.report.programmes.build import build_programme_report
from bandit_svc.services.report.ranges.asked import RangeQuery
from bandit_svc.services.report.ranges.report_json import report_json
from bandit_svc.services.report.ranges.whole_or_range import whole_or_range
from bandit_svc.services.report.report import Report


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("reports", __name__)
    storage = request_context.worker.storage

    def asked(key: str) -> Report:
        query = parse_known(request.args, RangeQuery)
        experiment = storage.experiments.get(key)
        return whole_or_range(storage, experiment, query, request_context.now_ms())

    @routes.get("/v1/experiments/<key>/report")
    def show(key: str) -> Response:
        return json_reply(report_json(asked(key))).to_flask()

    @routes.get("/v1/experiments/<key>/report.csv")
    def show_csv(key: str) -> Response:
        return Response(
            report_csv(asked(key)),
            mimetype="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{key}.csv"'},
        )

    @routes.get("/v1/programmes/<key>/report")
    def show_programme(key: str) -> Response:
        programme = storage.programmes.get(key)
        report = build_programme_report(storage, programme, request_context.now_ms())
        return json_reply(checked_json(report)).to_flask()

    app.register_blueprint(routes)
