"""Headers of answers, and the preflight of browsers.

Owns cross-origin access (CORS), caching and the policy of HTML pages. Reads no key:
the scope of a route is auth.py's.
"""

import time

from flask import Flask, Response, g, request

from bandit_svc import logs
from bandit_svc.http.auth import is_for_browsers
from bandit_svc.http.doors import client_module
from bandit_svc.http.incoming.request_ids import HEADER, RequestIds, sent_id

# Files of this service alone, nothing inline, and no frame around a page.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_NAMING = ("HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT")
_PREFLIGHT_SECONDS = 86_400

ALWAYS = {"X-Content-Type-Options": "nosniff"}
# Each call makes a new decision, and reports change with each tick.
NEVER_KEPT = {"Cache-Control": "no-store"}
_KEPT = frozenset({"pages.static", *client_module.ENDPOINTS})
BY_ORIGIN = {"Vary": "Origin"}
"""Of the routes that pages of other origins call: their answers differ by it."""
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": f"ETag, Retry-After, {HEADER}",
}


def register(app: Flask, request_ids: RequestIds) -> None:
    """Name requests, answer preflights, and add headers to every answer.

    Call it before the check of keys is registered.
    """
    app.before_request(lambda: _name(request_ids))
    app.before_request(_preflight)
    app.after_request(_finish)


def _preflight() -> Response | None:
    """Allow pages of any origin to send a publishable key; no cookie is used.

    OPTIONS on another route gets Flask's own answer without a cross-origin header, so
    a browser refuses it to pages of other origins.
    """
    if request.method != "OPTIONS" or not is_for_browsers(request.endpoint):
        return None
    response = Response(status=204)
    response.headers.extend(
        {
            "Allow": "POST, OPTIONS",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": (
                "Authorization, Content-Encoding, Content-Type, If-None-Match, "
                f"{HEADER}, traceparent"
            ),
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        }
    )
    return response


def _name(request_ids: RequestIds) -> None:
    """Name the request, before anything of it is logged or refused."""
    g.began_s = time.perf_counter()
    environ = request.environ
    g.sent_id = sent_id(*(_raw(environ.get(name)) for name in _NAMING))
    g.request_id = g.sent_id or request_ids.new()
    logs.name_request(g.request_id)


def _raw(value: str | None) -> bytes | None:
    return None if value is None else value.encode("latin-1", "replace")


def _finish(response: Response) -> Response:
    headers = response.headers
    headers.update(ALWAYS)
    endpoint = request.endpoint
    if endpoint not in _KEPT or "Cache-Control" not in headers:
        headers.update(NEVER_KEPT)
    if is_for_browsers(endpoint):
        headers.update(BY_ORIGIN)
        # Only a browser sends this header.
        if "Origin" in request.headers:
            headers.update(ANY_ORIGIN)
    elif response.mimetype == "text/html":
        headers["Content-Security-Policy"] = PAGE_POLICY
        # Addresses of pages contain keys of experiments and ids of decisions.
        headers["Referrer-Policy"] = "same-origin"
    headers[HEADER] = g.request_id
    return response
