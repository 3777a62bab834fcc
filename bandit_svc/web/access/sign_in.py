"""Signing in and out.

Owns the forms that begin and end a session. The content of a session is sessions.py's;
which pages need one is page_access.py's.
"""

import re

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from bandit_svc.http.request_context import RequestContext
from bandit_svc.web.access.own_address import own
from bandit_svc.web.access.page_access import COOKIE, PageAccess

# A path of this service: not "//elsewhere", and nothing that a browser takes for that.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_WRONG = (
    "That key is not valid, or was revoked. `bandit-svc keys list` shows the keys, "
    "`bandit-svc keys create --scope secret` makes one."
)
_TOO_LITTLE = (
    "That is a publishable key: it may request decisions and report rewards. The pages "
    "need a secret key; it begins with bsk_."
)


def register(
    routes: Blueprint, request_context: RequestContext, access: PageAccess
) -> None:
    """Add the form, its answer and the way out to the pages of one worker."""
    catalog = request_context.worker.catalog

    @routes.get("/sign-in")
    def sign_in() -> str | Response:
        place = _place(request.args.get("next", ""))
        return redirect(own(place), 303) if access.dev else _form(place)

    @routes.post("/sign-in")
    def enter() -> str | Response:
        place = _place(request.form.get("next", ""))
        row = catalog.key(request.form.get("key", "").strip(), request_context.now_ms())
        if row is None or row.scope != "secret":
            problem = _WRONG if row is None else _TOO_LITTLE
            return make_response(_form(place, problem), 403)
        answer = redirect(own(place), 303)
        access.begin(answer, row)
        return answer

    @routes.post("/sign-out")
    def sign_out() -> Response:
        access.end()
        answer = redirect(own("/sign-in"), 303)
        answer.delete_cookie(COOKIE, path=own("") or "/", httponly=True, samesite="Lax")
        return answer


def _form(place: str, problem: str = "") -> str:
    return render_template("sign_in.html", place=place, problem=problem)


def _place(wanted: str) -> str:
    return wanted if _OWN_PATH.fullmatch(wanted) else "/"
