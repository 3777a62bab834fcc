"""One HTTP/1.1 connection of a web worker.

Owns what is answered at once: a plain POST to a hot route, as soon as its last byte is
parsed, without the task, the futures and the messages that gunicorn's own way makes for
each request. Every other request takes that way, to the application (asgi.py). Both
ways share the parser, which is gunicorn's.
"""

from typing import TYPE_CHECKING, Any, Final

from gunicorn.asgi import protocol as gunicorn_protocol
from gunicorn.asgi.protocol import ASGIProtocol

from bandit_svc.server.hot_routes import (
    HOT,
    Hot,
    HotRoutes,
    PlainHeaders,
    plain_headers,
    written,
)

if TYPE_CHECKING:
    from bandit_svc.server.worker import HotWorker

HTTP_1_1: Final = (1, 1)
PIECE_BYTES: Final = 32_768
"""Fed to the parser at once: of what comes behind a whole request it keeps 64 kB."""
MOST_A_TURN: Final = 32
"""Pipelined requests that are answered before other connections have their turn."""
_CLOSE: Final = b"Connection: close\r\n"


class HotProtocol(ASGIProtocol):  # type: ignore[misc] # gunicorn has no types
    """A connection that answers hot requests inside the parser's callbacks."""

    def __init__(self, worker: "HotWorker") -> None:
        super().__init__(worker)
        self._routes: HotRoutes = worker.asgi.hot_routes
        self._hot: Hot | None = None
        """The route of the hot request that is being read."""
        self._sent: PlainHeaders | None = None
        self._body = b""
        self._is_whole = False
        self._waiting = b""
        """What was read and may not be parsed yet."""
        self._is_halted = False

    def _on_headers_complete(self) -> bool:
        parser = self._callback_parser
        hot = HOT.get(parser.path)
        if (
            hot is not None
            and parser.method == b"POST"
            and parser.http_version == HTTP_1_1
            and not parser.is_chunked
            and 0 < (parser.content_length or 0) <= hot.limit
        ):
            self._sent = plain_headers(parser.asgi_headers)
            if self._sent is not None:
                self._hot = hot
                return False
        return bool(super()._on_headers_complete())

    def _on_body(self, chunk: bytes) -> None:
        if self._hot is None:
            super()._on_body(chunk)
        else:
            self._body = self._body + chunk if self._body else chunk

    def _on_message_complete(self) -> None:
        if self._hot is None:
            super()._on_message_complete()
        elif self._routes.fits_in_a_turn(self._hot, self._body):
            self._is_whole = True
        else:
            body, self._body, self._hot = self._body, b"", None
            super()._on_headers_complete()
            super()._on_body(body)
            super()._on_message_complete()

    def _feed_callback_parser(self, data: bytes) -> bool:
        """Parse, and answer what is hot and whole; return whether to go on.

        Gunicorn calls this also for what was pipelined behind one of its requests.
        """
        if self._is_halted:
            self._waiting += data
            return True
        for _ in range(MOST_A_TURN):
            if not super()._feed_callback_parser(data[:PIECE_BYTES]):
                return False
            data = data[PIECE_BYTES:]
            if self._is_whole:
                if not self._answer():
                    return False
                parser = self._callback_parser
                data = parser.remaining() + data
                parser.reset()
            if not data:
                return True
        self._halt(data)
        return True

    def _answer(self) -> bool:
        """Answer the hot request that was read; return whether more may come."""
        hot, sent, body = self._hot, self._sent, self._body
        self._hot, self._body, self._is_whole = None, b"", False
        if hot is None or sent is None:
            return False
        reply = self._routes.answer(hot, sent, body)
        keep = self._callback_parser.should_keep_alive and self.worker.alive
        date: bytes = gunicorn_protocol._get_cached_date_header()  # noqa: SLF001
        self.transport.write(written(reply, sent, date if keep else date + _CLOSE))
        if self._keepalive_handle is not None:
            # Gunicorn sees no request here, and would close the connection as idle.
            self._arm_keepalive_timer()
        if not keep:
            self._close_transport()
            # The task of gunicorn's own way waits for a request.
            self._request_ready.set()
        return bool(keep)

    def _halt(self, data: bytes) -> None:
        """Parse no more in this turn of the loop."""
        self._is_halted = True
        self._waiting = data
        self._pause_reading()
        self.worker.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_halted = False
        data, self._waiting = self._waiting, b""
        if self._closed:
            return
        self._resume_reading()
        self._feed_callback_parser(data)


def use_c_parser() -> None:
    """Make the connections of this process use the parser that is written in C.

    Gunicorn stores what it knows of that parser at the class that asks first, and reads
    part of it from its own class: asked by a subclass, it would fall back to Python.
    """
    checked: Any = ASGIProtocol
    checked._check_h1c_protocol_available()  # noqa: SLF001
