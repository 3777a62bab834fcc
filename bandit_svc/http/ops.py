"""Routes for operators: health, readiness, metrics.

Owns the answers to load balancers and Prometheus.
"""

import os

from flask import Blueprint, Flask, Response

from bandit_svc import __version__, metrics
from bandit_svc.errors import BanditError, Unavailable
from bandit_svc.http.answers import json_reply
from bandit_svc.http.records import Health, Readiness
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.checks.degraded import (
    STORE,
    Reason,
    archive_reasons,
    damage_reasons,
    enricher_reasons,
    model_reasons,
    store_reason,
    unlearned_before_ms,
)
from bandit_svc.services.checks.nodes import clock_reason, is_unready
from bandit_svc.storage.jobs import ARCHIVE


def register(app: Flask, request_context: RequestContext) -> None:
    """Add the routes to the application of one worker."""
    routes = Blueprint("ops", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return json_reply(Health("ok", __version__)).to_flask()

    @routes.get("/readyz")
    def readyz() -> Response:
        folder = request_context.worker.folder
        if not os.access(folder, os.W_OK):
            raise Unavailable(
                "the data folder can't be written; check its owner and its mode"
            )
        shortages = request_context.worker.log.shortages()
        for shortage in shortages:
            if shortage.passed:
                raise Unavailable(shortage.sentence)
        reasons = [Reason(s.name, s.sentence) for s in shortages]
        reasons += _wrong_clock(request_context)
        reasons += _not_learned(request_context)
        reasons += _not_enriched(request_context)
        if reasons:
            sentences = [str(reason) for reason in reasons]
            return json_reply(Readiness("degraded", sentences)).to_flask()
        return json_reply(Readiness("ready")).to_flask()

    @routes.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)

    app.register_blueprint(routes)


def _wrong_clock(request_context: RequestContext) -> list[Reason]:
    """Return what is wrong with this machine's clock, where it sends to a stream.

    Raises:
        Unavailable: it is so wrong that it must not stamp decisions.
    """
    try:
        node = request_context.worker.own_node()
    except BanditError:
        # The reasons below name it.
        return []
    reason = clock_reason(node)
    if reason is not None and is_unready(node):
        raise Unavailable(reason.sentence)
    return [] if reason is None else [reason]


def _not_learned(request_context: RequestContext) -> list[Reason]:
    """Return what is wrong behind the log, which decisions do without."""
    worker = request_context.worker
    reasons = list(worker.learner_watch.reasons(request_context.now_ms()))
    if any(reason.name == STORE for reason in reasons):
        return reasons
    try:
        reasons += _old_models(request_context)
        reasons += _not_archived(request_context)
        kept = worker.storage.damages.unacknowledged()
    except BanditError as error:
        return [*reasons, store_reason(error.message_on("command"))]
    return reasons + damage_reasons([one.damage for one in kept])


def _not_enriched(request_context: RequestContext) -> list[Reason]:
    """Return what the enrichers that are used do without."""
    worker = request_context.worker
    used = [served.enrichers for served in worker.catalog.served()]
    missing = {name for one in used if one is not None for name in one.missing}
    return enricher_reasons(worker.weather_exchange.fault, sorted(missing))


def _not_archived(request_context: RequestContext) -> list[Reason]:
    """Return why the archive is behind; nothing without one."""
    worker = request_context.worker
    if not worker.settings.archive:
        return []
    keys = {e.number: e.key for e in worker.catalog.all()}
    return archive_reasons(
        {
            keys.get(row.number, str(row.number)): row.error or ""
            for row in worker.storage.jobs.faults(ARCHIVE)
        }
    )


def _old_models(request_context: RequestContext) -> list[Reason]:
    worker, now_ms = request_context.worker, request_context.now_ms()
    before_ms = unlearned_before_ms(now_ms, worker.settings.publish_every_ms)
    unlearned = worker.storage.overview.unlearned_since(before_ms)
    keys = {e.number: e.key for e in worker.catalog.all()} if unlearned else {}
    return model_reasons(
        {keys.get(number, str(number)): at_ms for number, at_ms in unlearned.items()},
        worker.catalog.unloaded(),
        now_ms,
    )
