"""Check who may see a page and send its forms.

Owns the session cookie and the check of every form's token. Pages are open to the
holder of a secret key: in a session, or with the key as a Bearer token where a
program only reads. A session gives no access to the API; see auth.py for that.
"""

from typing import NamedTuple, cast
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from bandit_svc.errors import Forbidden, Unauthenticated
from bandit_svc.http import auth
from bandit_svc.http.exposure import DESCRIBED, PAGES, is_near
from bandit_svc.http.request_context import RequestContext
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.keys import KeyRow
from bandit_svc.web.access.own_address import own
from bandit_svc.web.access.sessions import SESSION_MS, Session, Sessions

COOKIE = "bandit_session"
FORM_FIELD = "form_token"
OPEN = frozenset({"pages.static", "pages.sign_in", "pages.enter"})
"""Endpoints that anybody may call."""
MAX_FORM_BYTES = 512 * 1024
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_NOBODY = "dev"
"""Form tokens are derived from this where nobody signs in."""


class Visitor(NamedTuple):
    """The reader of a page; `visitor` in templates."""

    form_token: str
    signed_in: bool = False
    key_id: str | None = None


class PageAccess:
    """Checks page requests of one worker."""

    def __init__(self, request_context: RequestContext) -> None:
        worker = request_context.worker
        self._request_context = request_context
        self._storage: Storage = worker.storage
        self.dev = worker.settings.dev
        self.sessions = Sessions(worker.storage.secret())

    def check(self) -> AnyResponse | None:
        """Allow a page request, redirect it to the sign-in page, or refuse it.

        Raises:
            Unauthenticated: a form was sent without a session, or the key is invalid.
            Forbidden: the form belongs to another session, or the key is publishable.
        """
        endpoint = request.endpoint
        if not is_page(endpoint) or request.method == "OPTIONS":
            return None
        request.max_content_length = MAX_FORM_BYTES
        reads = request.method in _SAFE_METHODS
        if not reads:
            auth.check_origin(request)
        session = None if self.dev else self._session()
        if session is not None:
            token = self.sessions.form_token(session.text)
            g.visitor = Visitor(token, signed_in=True, key_id=session.key_id)
        elif self.dev:
            g.visitor = Visitor(self.sessions.form_token(_NOBODY))
        if endpoint in OPEN or (endpoint in DESCRIBED and self._may_read_docs()):
            return None
        if "visitor" not in g:
            return self._without_session(reads=reads)
        if not reads:
            self._check_form(_NOBODY if session is None else session.text)
        return None

    def _may_read_docs(self) -> bool:
        settings = self._request_context.worker.settings
        if self.dev or is_near(request, settings):
            return True
        secret = auth.bearer(request)
        now_ms = self._request_context.now_ms()
        catalog = self._request_context.worker.catalog
        row = catalog.key(secret, now_ms) if secret else None
        return row is not None and row.scope == "metrics"

    def begin(self, response: AnyResponse, key: KeyRow) -> None:
        """Set the cookie of a new session on a response."""
        now_ms = self._request_context.now_ms()
        self._request_context.worker.key_uses.note(key.id)
        response.set_cookie(
            COOKIE,
            self.sessions.issue(key.id, now_ms, self._request_context.entropy(9)),
            max_age=SESSION_MS // 1000,
            path=request.script_root or "/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )

    def end(self) -> None:
        """End the session of the present request, so that no copy of it works.

        Raises:
            Unavailable: it can't be kept now that it has ended.
        """
        session = None if self.dev else self._session()
        if session is not None:
            self._storage.ended_sessions.end(
                session.name, session.expires_at_ms, self._request_context.now_ms()
            )

    def _session(self) -> Session | None:
        text = request.cookies.get(COOKIE)
        now_ms = self._request_context.now_ms()
        session = self.sessions.read(text, now_ms) if text else None
        if session is None or self._storage.ended_sessions.has(session.name):
            return None
        # Read from the store at each request, so that revoking a key ends its sessions.
        row = self._storage.keys.get(session.key_id)
        valid = (
            row is not None
            and row.revoked_at_ms is None
            and not row.is_expired(now_ms)
            and row.scope == "secret"
        )
        return session if valid else None

    def _without_session(self, *, reads: bool) -> AnyResponse | None:
        secret = auth.bearer(request)
        now_ms = self._request_context.now_ms()
        catalog = self._request_context.worker.catalog
        row = catalog.key(secret, now_ms) if secret and reads else None
        if row is not None and row.scope == "secret":
            self._request_context.worker.key_uses.note(row.id)
            # A program that only reads needs no form token.
            g.visitor = Visitor("")
            return None
        if row is not None:
            raise Forbidden("a publishable key opens no page; use a secret key")
        if not reads:
            raise Unauthenticated(
                "the session has ended and nothing was changed; sign in and send the "
                "form again"
            )
        if secret:
            raise Unauthenticated("the key is not valid, or was revoked")
        if "HX-Request" in request.headers:
            # A part of a page refreshes itself; htmx must leave the whole page.
            return Response(status=401, headers={"HX-Redirect": own("/sign-in")})
        place = quote(request.full_path.rstrip("?"))
        return redirect(own(f"/sign-in?next={place}"), 303)

    def _check_form(self, text: str) -> None:
        if not self.sessions.is_form_token(text, request.form.get(FORM_FIELD, "")):
            raise Forbidden(
                "the form does not belong to this session and nothing was changed; go "
                "back, reload the page and send the form again"
            )


def register(app: Flask, request_context: RequestContext) -> PageAccess:
    """Check every page request before its view; templates get the `visitor`."""
    access = PageAccess(request_context)
    app.before_request(access.check)
    app.context_processor(lambda: {"visitor": cast("Visitor | None", g.get("visitor"))})
    return access


def is_page(endpoint: str | None) -> bool:
    """Return whether a route is one of the pages, not of the API."""
    return endpoint is not None and endpoint.startswith(PAGES)
