"""Turn errors into RFC 9457 answers.

Owns the table of statuses. No view catches an error; the handlers here do.
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from bandit_svc.errors import (
    BanditError,
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedEncoding,
    places_of,
)
from bandit_svc.http.answers import Reply

_log = logging.getLogger(__name__)

MAX_DETAIL_LENGTH = 500
RETRY_AFTER_S = 1

STATUS: dict[type[BanditError], tuple[int, str]] = {
    TooLarge: (413, "Too large"),
    UnsupportedEncoding: (415, "Unsupported encoding"),
    InvalidInput: (400, "Invalid input"),
    Unauthenticated: (401, "Not authenticated"),
    Forbidden: (403, "Forbidden"),
    NotFound: (404, "Not found"),
    Conflict: (409, "Conflict"),
    Unprocessable: (422, "Nothing left to choose"),
    TooManyRequests: (429, "Too many requests"),
    Unavailable: (503, "Unavailable"),
}
_UNAVAILABLE = STATUS[Unavailable][0]

# werkzeug's own texts are for people who typed an address.
_ROUTING = {
    404: "there is no such route; GET /docs lists those that exist",
    405: "the route does not take this method; the header Allow lists those it takes",
}

# Where the parser of connections refuses what it reads. Its own texts may quote it.
_CONNECTION = {
    400: "what was sent is not HTTP/1.1; the connection is closed",
    408: "the request did not come in time; send it again",
    414: "the request line is too long; an id in a path has at most 256 characters",
    431: "the headers are too many or too long; send fewer or shorter ones",
    501: "the transfer coding is not known; send `chunked` or a Content-Length",
}


class Problem(msgspec.Struct, omit_defaults=True):
    """An `application/problem+json` body."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
    request_id: str = ""


def problem_of(error: BanditError, prefix: str = "") -> Problem:
    """Translate an error; `prefix` goes before the pointers of a batch's item."""
    status, title = next(
        (row for kind, row in STATUS.items() if isinstance(error, kind)),
        (500, "Internal error"),
    )
    return Problem(
        type=f"/docs#{error.code}",
        title=title,
        status=status,
        detail=cut(error.message),
        errors=[_field(field, prefix) for field in error.fields],
    )


def problem_reply(problem: Problem, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a problem as an answer."""
    body = msgspec.json.encode(problem)
    return Reply(problem.status, body, "application/problem+json", headers)


def unread_reply(status: int) -> Reply:
    """Return the answer to what could not be read as a request."""
    title = HTTPStatus(status).phrase
    detail = _CONNECTION.get(status, title)
    return problem_reply(Problem("about:blank", title, status, detail))


def retry_headers(answers: Sequence[object]) -> dict[str, str] | None:
    """Return Retry-After where an item of a batch was not stored; else None."""
    unkept = any(isinstance(a, Problem) and a.status == _UNAVAILABLE for a in answers)
    return {"Retry-After": str(RETRY_AFTER_S)} if unkept else None


def register(app: Flask) -> None:
    """Answer every error of every route with a problem."""
    for kind in (BanditError, HTTPException, Exception):
        app.register_error_handler(kind, _answer)


def translated(error: Exception) -> tuple[Problem, dict[str, str]]:
    """Return the problem that describes an error, and the headers of its answer."""
    if isinstance(error, BanditError):
        return _bandit_error(error)
    if isinstance(error, HTTPException):
        return _http_error(error)
    return _unexpected(error), {}


def _answer(error: Exception) -> Response:
    problem, headers = translated(error)
    problem.request_id = g.get("request_id", "")
    return problem_reply(problem, headers).to_flask()


def _bandit_error(error: BanditError) -> tuple[Problem, dict[str, str]]:
    headers = {}
    if isinstance(error, Unavailable | TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="bandit_svc"'
    if isinstance(error, UnsupportedEncoding):
        # RFC 7694: which one would have been read.
        headers["Accept-Encoding"] = "gzip"
    return problem_of(error), headers


def _http_error(error: HTTPException) -> tuple[Problem, dict[str, str]]:
    status = error.code or 500
    problem = Problem(
        type="about:blank",
        title=error.name,
        status=status,
        detail=_ROUTING.get(status) or error.description or error.name,
    )
    kept = {"Allow", "Retry-After", "Location"}
    return problem, {k: v for k, v in error.get_headers() if k in kept}


def _unexpected(error: Exception) -> Problem:
    # The message of an unknown error may contain a context value, so the log gets its
    # type and its places in the code only.
    _log.error("unexpected %s at %s", type(error).__name__, places_of(error))
    return Problem(
        type="about:blank",
        title="Internal error",
        status=500,
        detail="an unexpected error; the log of the service says where it occurred",
    )


def _field(field: FieldError, prefix: str) -> dict[str, str]:
    # "" points to the whole body, which in a batch is the whole item.
    return {"pointer": prefix + field.pointer, "detail": cut(field.detail)}


def cut(text: str) -> str:
    """Limit how much of a request a message repeats."""
    return text if len(text) <= MAX_DETAIL_LENGTH else text[:MAX_DETAIL_LENGTH] + "…"
