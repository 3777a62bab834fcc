"""Check who may call which route.

Owns the scopes of the API's routes and the reading of keys; who may see a page is
page_access.py's. A key never reaches a log line or a message.
"""

from collections.abc import Mapping

from flask import Flask, Request, g, request

from bandit_svc import metrics
from bandit_svc.domain.times import moment
from bandit_svc.errors import FieldError, Forbidden, Unauthenticated
from bandit_svc.http.doors import client_module
from bandit_svc.http.exposure import DESCRIBED, PAGES, is_near
from bandit_svc.http.request_context import RequestContext
from bandit_svc.metric_counts import count
from bandit_svc.storage.keys import KeyRow, Scope

OPEN = frozenset({"ops.healthz", "ops.readyz", *client_module.ENDPOINTS})
KEY_IN_BODY = frozenset({"outcomes.create"})
"""Their views read the key, and check it."""
SIGNED = frozenset({"webhooks.receive"})
"""Their views look for a signature, or for a secret of another kind than a key."""
PUBLISHABLE = frozenset(
    {
        "decisions.create",
        "decisions.create_batch",
        "decisions.activate_one",
        "decisions.activate_batch",
        "ofrep.evaluate_one",
        "ofrep.evaluate_all",
        "rewards.create",
        "rewards.create_batch",
        "events.create",
        "events.create_batch",
        "outcomes.create",
        "why.show",
    }
)
WRITE_KEYED = "segment."
"""What the endpoints begin with that read a write key themselves, as their protocol has
it; browsers send to them too."""
_ALLOWED: Mapping[Scope, frozenset[str]] = {
    "publishable": PUBLISHABLE,
    "metrics": DESCRIBED,
}
_MAY: Mapping[Scope, str] = {
    "publishable": "a publishable key may request decisions, ask why one was made, and "
    "report rewards and events",
    "metrics": "a metrics key may read /metrics, /openapi.json and /docs",
}
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def register(app: Flask, request_context: RequestContext) -> None:
    """Check the key of every request before its view; `--dev` needs none.

    The views find it by `caller_of_request`.
    """
    settings = request_context.worker.settings
    dev = settings.dev
    limits = request_context.limits

    def check() -> None:
        endpoint = request.endpoint
        if endpoint is None or endpoint in OPEN or request.method == "OPTIONS":
            return
        limits.take_for_address(request.remote_addr or "")
        if endpoint.startswith((PAGES, WRITE_KEYED)) or endpoint in SIGNED:
            return
        if dev:
            check_origin(request)
            return
        if endpoint in KEY_IN_BODY:
            return
        if endpoint in DESCRIBED and is_near(request, settings):
            return
        origin = request.headers.get("Origin")
        g.key = check_key(request_context, bearer(request), endpoint, origin)

    app.before_request(check)


def check_key(
    request_context: RequestContext,
    secret: str | None,
    endpoint: str,
    origin: str | None,
) -> KeyRow:
    """Return the key of a request, or refuse it.

    Args:
        request_context: of the worker.
        secret: the key as it was sent; None for none.
        endpoint: that it shall be used for.
        origin: of the page that sent it; None for a program.

    Raises:
        Unauthenticated: no such key exists, it was revoked, or it is expired.
        Forbidden: the key is publishable and the endpoint needs a secret one, or the
            page is of another origin.
        TooManyRequests: a setting allows it fewer.
    """
    worker = request_context.worker
    row = worker.catalog.issued_key(secret) if secret else None
    if row is None:
        _count_refused("unknown" if secret else "missing")
        raise Unauthenticated(
            "this route needs a valid key: send `Authorization: Bearer KEY`; "
            "`bandit-svc keys create` makes one"
        )
    if row.expires_at_ms is not None and row.is_expired(request_context.now_ms()):
        _count_refused("expired")
        raise Unauthenticated(
            f"the key {row.id} expired at {moment(row.expires_at_ms)}; "
            "`bandit-svc keys create` makes another one"
        )
    if row.scope != "secret" and endpoint not in _ALLOWED[row.scope]:
        _count_refused("scope")
        raise Forbidden(_MAY[row.scope] + "; this route needs a secret key")
    if row.origins and origin not in row.origins:
        _count_refused("origin")
        raise Forbidden(
            f"the key {row.id} is for pages of other origins than the one that sent "
            "it (the header Origin; programs send none); `bandit-svc keys list` shows "
            "its origins"
        )
    worker.key_uses.note(row.id)
    if request_context.limits.is_on:
        request_context.limits.take_for_key(row.id)
    return row


def is_for_browsers(endpoint: str | None) -> bool:
    """Return whether pages of any origin may call an endpoint, with a key for it."""
    return endpoint is not None and (
        endpoint in PUBLISHABLE or endpoint.startswith(WRITE_KEYED)
    )


def check_experiment(key: KeyRow | None, experiment: str, pointer: str) -> None:
    """Refuse an experiment that a key is not for.

    Args:
        key: of the request; None in `--dev`.
        experiment: the key of the experiment.
        pointer: to the field that names it.

    Raises:
        Forbidden: the key is restricted to other experiments.
    """
    if key is None or not key.experiments or experiment in key.experiments:
        return
    _count_refused("experiment")
    detail = (
        f"the key {key.id} is not for this experiment; `bandit-svc keys list` shows "
        "those that it is for"
    )
    raise Forbidden(detail, FieldError(pointer, detail))


def check_secret(key: KeyRow | None, pointer: str, purpose: str) -> None:
    """Refuse what only a secret key may do on a route that others may use.

    Args:
        key: of the request; None in `--dev`.
        pointer: to the field that asks for it.
        purpose: in words: "to correct a reward".

    Raises:
        Forbidden: the key is not secret.
    """
    if key is None or key.scope == "secret":
        return
    _count_refused("scope")
    detail = f"the key {key.id} is {key.scope}; {purpose} needs a secret key"
    raise Forbidden(detail, FieldError(pointer, detail))


def _count_refused(reason: str) -> None:
    count(metrics.REFUSED_KEYS.labels(reason))


def check_origin(incoming: Request) -> None:
    """Refuse changes by web pages of other origins where no key is sent.

    A browser sends a simple POST of any page anywhere, loopback included, without a
    preflight; the header Sec-Fetch-Site says where the page is from.

    Raises:
        Forbidden: a page of another origin tries to change something.
    """
    if (
        incoming.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
        and not is_for_browsers(incoming.endpoint)
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
