"""Answer the four hot routes in front of Flask.

Owns the choice of what is answered without Flask, whose dispatch costs more than a
decision does. A plain POST to a hot route is answered here, by the functions that
Flask's views call, with the same key check, problems, headers and counts;
tests/server/test_fast_lane.py compares the bytes. A request that is not plain (another
method, a query, a chunked or oversized body, an upgrade, an odd host) is passed to
Flask, which remains the definition of the answers.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from werkzeug.http import HTTP_STATUS_CODES

from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from bandit_svc.http import headers, problems
from bandit_svc.http.answers import Reply
from bandit_svc.http.auth import check_key, key_in
from bandit_svc.http.counting import count_request
from bandit_svc.http.decisions import decide_many, decide_one
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.rewards import reward_many, reward_one

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Hot(NamedTuple):
    """A hot route: its endpoint in Flask, its limit in bytes, and its function."""

    endpoint: str
    limit: int
    answer: Callable[[RequestContext, bytes], Reply]


HOT = {
    "/v1/decisions": Hot("decisions.create", MAX_BODY_BYTES, decide_one),
    "/v1/decisions/batch": Hot(
        "decisions.create_batch", MAX_BATCH_BODY_BYTES, decide_many
    ),
    "/v1/rewards": Hot("rewards.create", MAX_BODY_BYTES, reward_one),
    "/v1/rewards/batch": Hot("rewards.create_batch", MAX_BATCH_BODY_BYTES, reward_many),
}
# More digits can't be a length within the limit, and int() refuses 5,000 of them.
_LENGTH_DIGITS = len(str(MAX_BATCH_BODY_BYTES))
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_LAST_HEADERS = [
    *headers.ALWAYS.items(),
    *headers.NEVER_KEPT.items(),
]
_ORIGIN_HEADERS = [*_LAST_HEADERS, *headers.ANY_ORIGIN.items()]


class FastLane:
    """A WSGI application in front of another one, `beyond`."""

    def __init__(
        self, request_context: RequestContext, beyond: "WSGIApplication"
    ) -> None:
        self.beyond = beyond
        self._request_context = request_context
        self._dev = request_context.worker.settings.dev

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request, or pass it to `beyond`."""
        path = environ["PATH_INFO"]
        hot = HOT.get(path)
        length = -1 if hot is None else _plain_length(environ, hot.limit)
        if hot is None or length < 0:
            return self.beyond(environ, start_response)
        try:
            if not self._dev:
                secret = key_in(environ.get("HTTP_AUTHORIZATION", ""))
                check_key(self._request_context.worker.catalog, secret, hot.endpoint)
            body = environ["wsgi.input"].read(length)
            if len(body) != length:
                environ["wsgi.input"] = BytesIO(body)
                return self.beyond(environ, start_response)
            reply = hot.answer(self._request_context, body)
        except Exception as error:  # noqa: BLE001 - as Flask's handler does
            reply = problems.problem_reply(*problems.translated(error))
        count_request(path, reply.status)
        last = _ORIGIN_HEADERS if "HTTP_ORIGIN" in environ else _LAST_HEADERS
        start_response(_status_line(reply.status), _headers_of(reply, last))
        return (reply.body,)


def _plain_length(environ: "WSGIEnvironment", limit: int) -> int:
    """Return the length of the body in bytes, or -1 for a request that is not plain."""
    length = environ.get("CONTENT_LENGTH", "")
    plain = (
        environ["REQUEST_METHOD"] == "POST"
        and not environ.get("QUERY_STRING")
        and not environ.get("SCRIPT_NAME")
        and "HTTP_TRANSFER_ENCODING" not in environ
        and "HTTP_UPGRADE" not in environ
        and 0 < len(length) <= _LENGTH_DIGITS
        and length.isascii()
        and length.isdigit()
        and _is_plain_host(environ.get("HTTP_HOST", ""))
    )
    size = int(length) if plain else -1
    return size if size <= limit else -1


@lru_cache(maxsize=256)
def _is_plain_host(host: str) -> bool:
    return _PLAIN_HOST.fullmatch(host) is not None


@lru_cache(maxsize=64)
def _status_line(status: int) -> str:
    return f"{status} {HTTP_STATUS_CODES[status].upper()}"


def _headers_of(reply: Reply, last: list[tuple[str, str]]) -> list[tuple[str, str]]:
    own = () if reply.headers is None else reply.headers.items()
    return [
        *own,
        ("Content-Type", reply.mimetype),
        ("Content-Length", str(len(reply.body))),
        *last,
    ]
