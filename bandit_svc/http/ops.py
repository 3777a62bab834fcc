"""Routes for operators: health, readiness, metrics.

Owns what a load balancer and Prometheus ask.
"""

import os
import shutil

from flask import Blueprint, Response

from bandit_svc import __version__, metrics
from bandit_svc.errors import Unavailable
from bandit_svc.http.answers import json_response
from bandit_svc.http.request_context import Edge

LEAST_FREE_BYTES = 16 * 1024 * 1024


def blueprint(edge: Edge) -> Blueprint:
    """Make the routes of one worker."""
    routes = Blueprint("ops", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return json_response({"status": "ok", "version": __version__})

    @routes.get("/readyz")
    def readyz() -> Response:
        folder = edge.worker.folder
        edge.worker.storage.experiments.version()
        edge.worker.storage.secret()
        if not os.access(folder, os.W_OK):
            raise Unavailable("the data folder can't be written; check its owner")
        if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            raise Unavailable(
                f"under {LEAST_FREE_BYTES // 2**20} MiB are free on the data folder's "
                "disk, so decisions can't be made durable; make room"
            )
        return json_response({"status": "ready"})

    @routes.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)

    return routes
