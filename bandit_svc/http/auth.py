"""Check who may call which route.

Owns the scopes of the API's routes and the reading of keys; who may see a page is
page_access.py's. A key never reaches a log line or a message.
"""

from flask import Flask, Request, request

from bandit_svc.errors import Forbidden, Unauthenticated
from bandit_svc.http.request_context import RequestContext
from bandit_svc.services.serving.catalog import Catalog

OPEN = frozenset(
    {
        "ops.healthz",
        "ops.readyz",
        "ops.show_metrics",
        "openapi.document",
    }
)
PUBLISHABLE = frozenset(
    {
        "decisions.create",
        "decisions.create_batch",
        "decisions.activate_one",
        "rewards.create",
        "rewards.create_batch",
    }
)
PAGES = "pages."
"""The blueprint that is no part of the API: page_access.py checks it."""
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def register(app: Flask, request_context: RequestContext) -> None:
    """Check the key of every request before its view; `--dev` needs none."""
    catalog = request_context.worker.catalog
    dev = request_context.worker.settings.dev

    def check() -> None:
        endpoint = request.endpoint
        if endpoint is None or endpoint in OPEN or request.method == "OPTIONS":
            return
        if endpoint.startswith(PAGES):
            return
        if dev:
            check_origin(request)
            return
        check_key(catalog, bearer(request), endpoint)

    app.before_request(check)


def check_key(catalog: Catalog, secret: str | None, endpoint: str) -> None:
    """Refuse a key that may not call an endpoint.

    Raises:
        Unauthenticated: no such key exists, or it was revoked.
        Forbidden: the key is publishable and the endpoint needs a secret one.
    """
    row = catalog.key(secret) if secret else None
    if row is None:
        raise Unauthenticated(
            "this route needs a valid key: send `Authorization: Bearer KEY`; "
            "`bandit-svc keys create` makes one"
        )
    if row.scope != "secret" and endpoint not in PUBLISHABLE:
        raise Forbidden(
            "a publishable key may request decisions and report rewards; this "
            "route needs a secret key"
        )


def check_origin(incoming: Request) -> None:
    """Refuse changes by web pages of other origins where no key is sent.

    A browser sends a simple POST of any page anywhere, loopback included, without a
    preflight; the header Sec-Fetch-Site says where the page is from.

    Raises:
        Forbidden: a page of another origin tries to change something.
    """
    if (
        incoming.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
        and incoming.endpoint not in PUBLISHABLE
        and incoming.method not in _SAFE_METHODS
    ):
        raise Forbidden(
            "a web page of another origin may not change anything here; call this "
            "route from a program or from a page of this service"
        )


def bearer(incoming: Request) -> str | None:
    """Return the key in the header of a request, or None."""
    return key_in(incoming.headers.get("Authorization", ""))


def key_in(header: str) -> str | None:
    """Return the key of an `Authorization` header; None under another scheme."""
    scheme, _, rest = header.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else None
