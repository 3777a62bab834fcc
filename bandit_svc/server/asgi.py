"""The application that an ASGI server loads in each process, after the fork.

Owns the way between ASGI and the three ways to an answer: the hot routes, Flask in
threads, and Flask in the process of reports and pages. gunicorn with our worker
(worker.py), uvicorn and granian run it.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, TypeVar

from bandit_svc.domain.limits import MAX_BATCH_BODY_BYTES
from bandit_svc.errors import Unavailable
from bandit_svc.http.answers import Reply
from bandit_svc.http.counting import count_request
from bandit_svc.server.hot_routes import HOT, Hot, PlainHeaders, headers_of
from bandit_svc.server.hot_routes import plain_headers as read_plain_headers
from bandit_svc.server.pages import Pages, computes
from bandit_svc.server.thread_pool import ThreadPool
from bandit_svc.server.turns import Turns
from bandit_svc.server.web_process import WebProcess, tune_interpreter
from bandit_svc.server.wsgi_requests import Answer, call, encoded, environ_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Made = TypeVar("Made")
_MOST_DIGITS = 20


class Application:
    """An ASGI callable around one web process."""

    def __init__(self, process: WebProcess) -> None:
        self._process = process
        self.settings = process.settings
        self._flask = process.flask.wsgi_app
        self._url_map = process.flask.url_map
        self.hot_routes = process.hot_routes
        self.acknowledgements = process.acknowledgements
        self._pool = ThreadPool(process.settings.threads)
        self._pages = Pages(os.environ)
        self._turns = Turns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or the server's start and end."""
        match scope["type"]:
            case "http":
                answer = await self._answer(scope, receive)
                if answer is not None:
                    await _send(answer, send)
            case "lifespan":
                await self._live(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    def close(self) -> None:
        """Stop the threads, end the other process, flush the log; idempotent."""
        self._pool.close()
        self._pages.close()
        if self.acknowledgements is not None:
            self.acknowledgements.close()
        self._process.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Return the answer; None where the caller has gone before it sent all."""
        declared = _declared(scope)
        hot, plain = _hot_of(scope)
        # Of one that is too large for every route, nothing is read.
        body = await _read(receive) if declared <= MAX_BATCH_BODY_BYTES else b""
        if body is None:
            return None
        try:
            if hot is None or plain is None or max(declared, len(body)) > hot.limit:
                if computes(self._url_map, scope["method"], scope["path"]):
                    return await self._pages.answer(scope, body)
                environ = environ_of(scope, body)
                return await self._settled(partial(call, self._flask, environ))
            address = (scope.get("client") or ("",))[0]
            routes = self.hot_routes
            if routes.waits(hot, body):
                work = partial(routes.answer, hot, plain, body, address)
                reply = await self._settled(work)
            elif routes.fits_in_a_turn(hot, body):
                reply = await self._at_once(
                    partial(routes.answer, hot, plain, body, address)
                )
            else:
                reply = await self._turns.run(routes.steps(hot, plain, body, address))
        except Unavailable as error:
            named = None if plain is None else plain.request_id
            reply = self.hot_routes.problem(error, named)
            count_request("unmatched", reply.status)
        return _raw(reply, from_page=plain is not None and plain.from_page)

    async def _settled(self, work: Callable[[], Made]) -> Made:
        """Do work in a thread; return what it made when the stream has its records."""
        if self.acknowledgements is None:
            return await self._pool.run(work)
        watched = partial(self.acknowledgements.watched, work)
        made, owed = await self._pool.run(watched)
        await self.acknowledgements.settled(owed)
        return made

    async def _at_once(self, work: Callable[[], Made]) -> Made:
        """Do work in the loop; return what it made when the stream has its records."""
        if self.acknowledgements is None:
            return work()
        made, owed = self.acknowledgements.watched(work)
        await self.acknowledgements.settled(owed)
        return made


def _hot_of(scope: Scope) -> tuple[Hot | None, PlainHeaders | None]:
    hot = HOT.get(scope["path"].encode())
    if (
        hot is None
        or scope["method"] != "POST"
        or scope["query_string"]
        or scope.get("root_path")
    ):
        return None, None
    return hot, read_plain_headers(scope["headers"])


def _declared(scope: Scope) -> int:
    """Return the length of the body as the request declares it, or 0."""
    text = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
    digits: bytes = text[:_MOST_DIGITS]
    return int(digits) if digits.isdigit() else 0


async def _read(receive: Receive) -> bytes | None:
    """Return the body, or None where the caller has gone before its end.

    Of one without a length that is too large for every route, no more is read than
    shows it.
    """
    chunks, size, more = [], 0, True
    while more and size <= MAX_BATCH_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        more = message.get("more_body", False)
    return b"".join(chunks)


def _raw(reply: Reply, *, from_page: bool) -> Answer:
    headers = headers_of(reply, from_page=from_page)
    return Answer(reply.status, encoded(headers), reply.body)


async def _send(answer: Answer, send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status}
    await send({**start, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


application = Application(WebProcess())
tune_interpreter()
