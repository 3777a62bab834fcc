"""Answer the hot routes without Flask, whose dispatch costs more than a decision.

Owns what is answered so, and the bytes of these answers. The functions are those that
Flask's views call, with the same key check, problems, headers and counts;
tests/server/test_hot_routes.py compares the bytes. A request that is not plain (another
method, a query, a chunked, compressed or oversized body, an upgrade, an odd host) is
for Flask, which remains the definition of the answers.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
from werkzeug.http import HTTP_STATUS_CODES

from bandit_svc import logs
from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from bandit_svc.errors import Unavailable
from bandit_svc.http import headers, problems
from bandit_svc.http.answers import Reply, Steps, made_at_once
from bandit_svc.http.auth import check_key, key_in
from bandit_svc.http.counting import count_request
from bandit_svc.http.decisions import decide_many, decide_one
from bandit_svc.http.incoming.access_log import Answered
from bandit_svc.http.incoming.caller import Browser, Caller
from bandit_svc.http.incoming.request_ids import HEADER, sent_id
from bandit_svc.http.people.events import event_many, event_one
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.rewards import reward_many, reward_one
from bandit_svc.server.awaiting.acknowledgements import not_acknowledged
from bandit_svc.storage.keys import KeyRow

TURN_BYTES = 2_048
"""A larger batch would hold up the other connections, so it is answered in turns."""


class Hot(NamedTuple):
    """A hot route.

    Attributes:
        path: its address, which is its label in the counts.
        endpoint: its name in Flask.
        limit: of the body, in bytes.
        answer: the function of a route of one thing.
        steps: that of a batch.
    """

    path: str
    endpoint: str
    limit: int
    answer: Callable[[RequestContext, bytes, Caller], Reply] | None = None
    steps: Callable[[RequestContext, bytes, Caller], Steps] | None = None


_ROUTES = (
    Hot("/v1/decisions", "decisions.create", MAX_BODY_BYTES, decide_one),
    Hot(
        "/v1/decisions/batch",
        "decisions.create_batch",
        MAX_BATCH_BODY_BYTES,
        steps=decide_many,
    ),
    Hot("/v1/rewards", "rewards.create", MAX_BODY_BYTES, reward_one),
    Hot(
        "/v1/rewards/batch",
        "rewards.create_batch",
        MAX_BATCH_BODY_BYTES,
        steps=reward_many,
    ),
    Hot("/v1/events", "events.create", MAX_BODY_BYTES, event_one),
    Hot(
        "/v1/events/batch",
        "events.create_batch",
        MAX_BATCH_BODY_BYTES,
        steps=event_many,
    ),
)
HOT = {hot.path.encode(): hot for hot in _ROUTES}
"""By the path as it is sent: a query, or an escaped letter, is not plain."""

_SHED = problems.problem_reply(
    *problems.translated(
        Unavailable(
            "the service is overloaded, and this request was not read; send it again"
        )
    )
)
_PLAIN_HOST = re.compile(rb"[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_ODD = frozenset(
    {
        *(b"expect", b"upgrade", b"transfer-encoding", b"content-encoding"),
        # Of a page that is prepared before it is opened, which is rare.
        b"sec-purpose",
    }
)
_READ = _ODD | {
    *(b"authorization", b"host", b"origin", b"x-request-id", b"traceparent"),
    b"sec-gpc",
}
_LAST_HEADERS = [
    *headers.ALWAYS.items(),
    *headers.NEVER_KEPT.items(),
    *headers.BY_ORIGIN.items(),
]
_ORIGIN_HEADERS = [*_LAST_HEADERS, *headers.ANY_ORIGIN.items()]


class PlainHeaders(NamedTuple):
    """What a hot route reads of a request's headers."""

    authorization: bytes
    from_page: bool
    """Whether a browser sends it for a page: only that sends `Origin`."""
    origin: bytes = b""
    request_id: str | None = None
    """The caller's own name for the request."""
    opted_out: bool = False
    """Whether the browser asks for privacy: `Sec-GPC: 1`."""
    browser: Browser | None = None
    """What a page's browser says of itself."""


def plain_headers(  # noqa: C901 - a loop over few names: calls cost more
    sent: Sequence[tuple[bytes, bytes]],
) -> PlainHeaders | None:
    """Return what is read of a request's headers; None for one that is not plain.

    Args:
        sent: names in lower case.
    """
    authorization = host = None
    from_page = False
    origin = b""
    request_id = trace = privacy = None
    for name, value in sent:
        if name not in _READ:
            continue
        if name == b"authorization" and authorization is None:
            authorization = value
        elif name == b"host" and host is None:
            host = value
        elif name == b"origin" and not from_page:
            from_page, origin = True, value
        elif name == b"x-request-id" and request_id is None:
            request_id = value
        elif name == b"traceparent" and trace is None:
            trace = value
        elif name == b"sec-gpc" and privacy is None:
            privacy = value
        else:
            return None
    if host is None or not _is_plain_host(host):
        return None
    named = None
    if request_id is not None or trace is not None:
        named = sent_id(request_id, trace)
    return PlainHeaders(
        authorization or b"",
        from_page,
        origin,
        named,
        privacy == b"1",
        Browser(sent) if from_page else None,
    )


class HotRoutes:
    """The hot routes of one web process."""

    def __init__(self, request_context: RequestContext) -> None:
        self._request_context = request_context
        settings = request_context.worker.settings
        self._dev = settings.dev
        self._limits = request_context.limits
        # An append then waits for the disk, and shares that wait with other threads.
        self._waits = settings.fsync == "always"
        self._reads = request_context.worker.store_reads
        self._is_awaited = settings.ack == "stream"

    def waits(self, hot: Hot, body: bytes) -> bool:
        """Return whether an answer has to wait for disk or server: it is for a thread.

        What the request names may be looked up there; see `_is_looked_up`.
        """
        if self._waits or _is_looked_up(body) or self._is_long_and_awaited(body):
            return True
        return self._reads is not None and self._reads.are_made(hot.path, body)

    def _is_long_and_awaited(self, body: bytes) -> bool:
        """Return whether its records can't be told from others' in the loop."""
        return self._is_awaited and len(body) > TURN_BYTES

    def fits_in_a_turn(self, hot: Hot, body: bytes) -> bool:
        """Return whether the answer may be made between two events of a loop."""
        if self._waits or (hot.steps is not None and len(body) > TURN_BYTES):
            return False
        reads = self._reads
        if reads is not None and reads.are_made(hot.path, body):
            return False
        return not _is_looked_up(body)

    def refuse(self, hot: Hot, sent: PlainHeaders) -> Reply:
        """Answer a request that an overloaded worker sheds: 503, and try again."""
        count_request(hot.path, _SHED.status)
        request_id = sent.request_id or self._request_context.request_ids.new()
        return msgspec.structs.replace(_SHED, request_id=request_id)

    def late(self, hot: Hot, sent: PlainHeaders) -> Reply:
        """Answer a request whose record the stream did not acknowledge in time."""
        reply = self.problem(not_acknowledged(), sent.request_id)
        count_request(hot.path, reply.status)
        return reply

    def answer(
        self, hot: Hot, sent: PlainHeaders, body: bytes, address: str = ""
    ) -> Reply:
        """Answer a plain request, and count it; any error is a problem.

        Args:
            address: of the caller, for the limit of each address.
        """
        if hot.answer is None:
            return made_at_once(self.steps(hot, sent, body, address))
        began_s = time.perf_counter()
        context, key = self._request_context, None
        try:
            key = self._key_of(hot, sent, address)
            caller = Caller(key, sent.request_id, sent.opted_out, browser=sent.browser)
            reply = hot.answer(context, body, caller)
        except Exception as error:  # noqa: BLE001 - as Flask's handler does
            reply = self.problem(error, sent.request_id)
        return self._finished(hot, sent, reply, key, began_s)

    def steps(
        self, hot: Hot, sent: PlainHeaders, body: bytes, address: str = ""
    ) -> Steps:
        """Answer as `answer` does; pause after each item of a batch."""
        if hot.steps is None:
            return self.answer(hot, sent, body, address)
        began_s = time.perf_counter()
        context, key = self._request_context, None
        try:
            key = self._key_of(hot, sent, address)
            caller = Caller(key, sent.request_id, sent.opted_out, browser=sent.browser)
            reply = yield from hot.steps(context, body, caller)
        except Exception as error:  # noqa: BLE001 - as Flask's handler does
            reply = self.problem(error, sent.request_id)
        return self._finished(hot, sent, reply, key, began_s)

    def _key_of(self, hot: Hot, sent: PlainHeaders, address: str) -> KeyRow | None:
        """Return the key of a request; None in `--dev`."""
        if self._limits.is_on:
            self._limits.take_for_address(address)
        if self._dev:
            return None
        secret = key_in(sent.authorization.decode("latin-1"))
        origin = sent.origin.decode("latin-1") if sent.from_page else None
        return check_key(self._request_context, secret, hot.endpoint, origin)

    def _finished(
        self,
        hot: Hot,
        sent: PlainHeaders,
        reply: Reply,
        key: KeyRow | None,
        began_s: float,
    ) -> Reply:
        """Name an answer, count it and log it."""
        if reply.request_id is None:
            new = self._request_context.request_ids.new
            reply.request_id = sent.request_id or new()
        count_request(hot.path, reply.status)
        took_s = time.perf_counter() - began_s
        access_log = self._request_context.access_log
        if access_log.wants(reply.status, took_s):
            key_id = None if key is None else key.id
            access_log.write(
                Answered(
                    *("POST", hot.path, reply.status, took_s, reply.request_id, key_id)
                )
            )
        return reply

    def problem(self, error: Exception, request_id: str | None) -> Reply:
        """Return the problem of a request; None for one without a name of its own."""
        request_id = request_id or self._request_context.request_ids.new()
        with logs.of_request(request_id):
            problem, own = problems.translated(error)
        problem.request_id = request_id
        reply = problems.problem_reply(problem, own)
        reply.request_id = request_id
        return reply


def _is_looked_up(body: bytes) -> bool:
    """Return whether a body names what is looked up: a request_id, or a reward."""
    return b'"request_id"' in body or b'"correction"' in body


def headers_of(reply: Reply, *, from_page: bool) -> list[tuple[str, str]]:
    """Return the headers of an answer, in Flask's order."""
    own = () if reply.headers is None else reply.headers.items()
    return [
        *own,
        ("Content-Type", reply.mimetype),
        ("Content-Length", str(len(reply.body))),
        *(_ORIGIN_HEADERS if from_page else _LAST_HEADERS),
        *([] if reply.request_id is None else [(HEADER, reply.request_id)]),
    ]


def written(reply: Reply, sent: PlainHeaders, last: bytes) -> bytes:
    """Return the bytes of an answer.

    Args:
        last: lines of headers that the server adds, each with its end.
    """
    body = reply.body
    if reply.headers is None:
        head = _usual_head(reply.status, reply.mimetype, sent.from_page)
        if reply.request_id is not None:
            last += b"X-Request-Id: %b\r\n" % reply.request_id.encode()
        return b"%bContent-Length: %d\r\n%b\r\n%b" % (head, len(body), last, body)
    lines = _lines(headers_of(reply, from_page=sent.from_page))
    return b"%b%b%b\r\n%b" % (_status_line(reply.status), lines, last, body)


@lru_cache(maxsize=64)
def _usual_head(status: int, mimetype: str, from_page: bool) -> bytes:  # noqa: FBT001 - cached by position
    last = _ORIGIN_HEADERS if from_page else _LAST_HEADERS
    return _status_line(status) + _lines([("Content-Type", mimetype), *last])


def _lines(pairs: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode("latin-1")


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTP_STATUS_CODES[status]}\r\n".encode()


@lru_cache(maxsize=256)
def _is_plain_host(host: bytes) -> bool:
    return _PLAIN_HOST.fullmatch(host) is not None
