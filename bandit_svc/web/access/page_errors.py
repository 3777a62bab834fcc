"""Errors as pages, for people.

Owns which errors become a page: all errors of page routes, and unknown addresses that
a browser requests. Their texts are problems.py's.
"""

from flask import (
    Blueprint,
    Flask,
    Response,
    g,
    make_response,
    render_template,
    request,
)
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import NotFound as NotFoundPage

from bandit_svc.errors import BanditError
from bandit_svc.http.problems import cut, problem_reply, translated
from bandit_svc.web.access.page_access import is_page


def register(app: Flask, routes: Blueprint) -> None:
    """Answer errors of pages with a page.

    Call it after problems.register, and before the pages are put into the app: Flask
    takes a blueprint's handlers then.
    """
    app.register_error_handler(HTTPException, _http_error)
    for kind in (BanditError, Exception):
        routes.register_error_handler(kind, _page)


def _http_error(error: HTTPException) -> Response:
    if is_page(request.endpoint) or (request.url_rule is None and _wants_a_page()):
        return _page(error)
    problem, headers = translated(error)
    problem.request_id = g.get("request_id", "")
    return problem_reply(problem, headers).to_flask()


def _wants_a_page() -> bool:
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]


def _page(error: Exception) -> Response:
    problem, headers = translated(error)
    if isinstance(error, NotFoundPage):
        problem.detail = "there is no page at this address"
    elif isinstance(error, BanditError):
        problem.detail = cut(error.message_on("page"))
    response = make_response(
        render_template("error.html", problem=problem), problem.status
    )
    response.headers.extend(headers)
    return response
