"""Headers that answers carry, and the preflight of browsers.

Owns cross-origin access (CORS), caching and the policy of HTML pages. Knows no
key: what a route asks for is auth.py's.
"""

from flask import Flask, Response, request

from bandit_svc.http.auth import PUBLISHABLE

# Our own files alone, nothing inline, in nobody's frame.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PREFLIGHT_SECONDS = 86_400

ALWAYS = {"X-Content-Type-Options": "nosniff"}
# Decisions are made anew at every call, and reports grow.
NEVER_KEPT = {"Cache-Control": "no-store"}
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}


def register(app: Flask) -> None:
    """Answer preflights before any key is asked for, and finish every answer."""
    app.before_request(_preflight)
    app.after_request(_finish)


def _preflight() -> Response | None:
    """Let pages of any origin send a publishable key; no cookie is ever used.

    OPTIONS on another route goes on to Flask's own answer, with no cross-origin
    header, so a browser keeps pages of other origins away from it.
    """
    if request.method != "OPTIONS" or request.endpoint not in PUBLISHABLE:
        return None
    response = Response(status=204)
    response.headers.extend(
        {
            "Allow": "POST, OPTIONS",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
        }
    )
    return response


def _finish(response: Response) -> Response:
    headers = response.headers
    headers.update(ALWAYS)
    endpoint = request.endpoint
    if endpoint != "pages.static":
        headers.update(NEVER_KEPT)
    if endpoint in PUBLISHABLE:
        # Only a browser asks on behalf of an origin.
        if "Origin" in request.headers:
            headers.update(ANY_ORIGIN)
    elif response.mimetype == "text/html":
        headers["Content-Security-Policy"] = PAGE_POLICY
        # Addresses of pages hold keys of experiments and ids of decisions.
        headers["Referrer-Policy"] = "same-origin"
    return response
