"""Headers of answers, and the preflight of browsers.

Owns cross-origin access (CORS), caching and the policy of HTML pages. Reads no key:
the scope of a route is auth.py's.
"""

from flask import Flask, Response, request

from bandit_svc.http.auth import PUBLISHABLE

# Files of this service alone, nothing inline, and no frame around a page.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_PREFLIGHT_SECONDS = 86_400

ALWAYS = {"X-Content-Type-Options": "nosniff"}
# Each call makes a new decision, and reports change with each tick.
NEVER_KEPT = {"Cache-Control": "no-store"}
BY_ORIGIN = {"Vary": "Origin"}
"""Of the routes that pages of other origins call: their answers differ by it."""
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}


def register(app: Flask) -> None:
    """Answer preflights before keys are checked, and add headers to every answer."""
    app.before_request(_preflight)
    app.after_request(_finish)


def _preflight() -> Response | None:
    """Allow pages of any origin to send a publishable key; no cookie is used.

    OPTIONS on another route gets Flask's own answer without a cross-origin header, so
    a browser refuses it to pages of other origins.
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
        headers.update(BY_ORIGIN)
        # Only a browser sends this header.
        if "Origin" in request.headers:
            headers.update(ANY_ORIGIN)
    elif response.mimetype == "text/html":
        headers["Content-Security-Policy"] = PAGE_POLICY
        # Addresses of pages contain keys of experiments and ids of decisions.
        headers["Referrer-Policy"] = "same-origin"
    return response
