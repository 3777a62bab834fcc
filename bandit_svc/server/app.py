"""The Flask application of one web worker.

Owns the order in which the parts are put together. Opens nothing: the worker
comes ready from its caller.
"""

import time

from flask import Flask, Response, g, request

from bandit_svc.domain.callers.networks import networks_of
from bandit_svc.http import (
    auth,
    decisions,
    evaluations,
    experiments,
    exposure,
    headers,
    ops,
    problems,
    reports,
    rewards,
)
from bandit_svc.http.counting import count_request
from bandit_svc.http.doors import client_module, ofrep, outcomes
from bandit_svc.http.doors.segment import tracking
from bandit_svc.http.doors.webhooks import managing, receiving
from bandit_svc.http.incoming.access_log import AccessLog, Answered
from bandit_svc.http.local import routes as local
from bandit_svc.http.openapi import document
from bandit_svc.http.people import erasures, events, unit_rewards, units, why_shown
from bandit_svc.http.planning import plan
from bandit_svc.http.programmes import routes as programmes
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.splits import splits
from bandit_svc.server.proxies import Proxies
from bandit_svc.web import dashboard

_METHODS = {m: m for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
"""Another method is free text."""


def create_app(request_context: RequestContext) -> Flask:
    """Return the application around one worker.

    Each part has one function `register`, which adds its routes, checks and handlers
    to the application.
    """
    app = Flask("bandit_svc", static_folder=None)
    # A doubled slash is a mistake in the caller's URL; a redirect would hide it.
    app.url_map.merge_slashes = False
    problems.register(app)
    headers.register(app, request_context.request_ids)
    exposure.register(app, request_context.worker.settings)
    auth.register(app, request_context)
    for room in (
        ops,
        decisions,
        local,
        ofrep,
        tracking,
        receiving,
        managing,
        rewards,
        events,
        outcomes,
        unit_rewards,
        units,
        erasures,
        why_shown,
        experiments,
        programmes,
        splits,
        evaluations,
        reports,
    ):
        room.register(app, request_context)
    client_module.register(app)
    plan.register(app)
    document.register(app)
    dashboard.register(app, request_context)
    access_log = request_context.access_log

    def note(response: Response) -> Response:
        _note(access_log, response)
        return response

    app.after_request(note)
    proxies = networks_of(request_context.worker.settings.trusted_proxies)
    app.wsgi_app = Proxies(proxies, app.wsgi_app)  # type: ignore[method-assign]
    return app


def _note(access_log: AccessLog, response: Response) -> None:
    """Count an answered request, and log it."""
    rule = request.url_rule
    # A path that is no route is free text: it gets no label of its own.
    route = "unmatched" if rule is None else rule.rule
    status = response.status_code
    count_request(route, status)
    took_s = time.perf_counter() - g.began_s
    if access_log.wants(status, took_s):
        key = g.get("key")
        access_log.write(
            Answered(
                *(_METHODS.get(request.method, "other"), route, status, took_s),
                *(g.request_id, None if key is None else key.id),
            )
        )
