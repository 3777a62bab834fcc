"""One HTTP/1.1 connection of a web worker.

Owns what is answered at once: a plain POST to a hot route, as soon as its last byte is
parsed, without the task, the futures and the messages that gunicorn's own way makes for
each request. Every other request takes that way, to the application (asgi.py). Both
ways share the parser, which is gunicorn's. Owns too how long a client may take.
"""

import time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from gunicorn.asgi import protocol as gunicorn_protocol
from gunicorn.asgi.protocol import ASGIProtocol

from bandit_svc.eventlog.stream.awaited import Owed
from bandit_svc.http.answers import Reply
from bandit_svc.http.counting import count_ended
from bandit_svc.http.problems import unread_reply
from bandit_svc.server.awaiting.acknowledgements import Acknowledgements
from bandit_svc.server.deadlines import HOLD_BACK_S, STALE_S, Patience, Stage
from bandit_svc.server.hot_routes import (
    HOT,
    Hot,
    HotRoutes,
    PlainHeaders,
    plain_headers,
    written,
)

if TYPE_CHECKING:
    import asyncio

    from bandit_svc.server.worker import HotWorker

HTTP_1_1: Final = (1, 1)
PIECE_BYTES: Final = 32_768
"""Fed to the parser at once: of what comes behind a whole request it keeps 64 kB."""
MOST_A_TURN: Final = 32
"""Pipelined requests that are answered before other connections have their turn."""
_CLOSE: Final = b"Connection: close\r\n"
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


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
        self._is_behind = False
        """Whether what waits came behind a request that is being answered."""
        self._is_unread = False
        """Whether the client does not read what was written."""
        self._is_held_back = False
        """Whether it was refused just now, by an overloaded worker."""
        self._is_owed = False
        """Whether an answer waits for the stream."""
        self._acknowledgements: Acknowledgements | None = worker.asgi.acknowledgements
        self._stale_until_s = 0.0
        self._address = ""
        self._patience: Patience = worker.patience
        self._stage = Stage.SILENT
        self._since_s = 0.0
        self._unread_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: "asyncio.Transport") -> None:
        """Begin, or refuse a connection too many."""
        worker = self.worker
        if worker.nr_conns >= worker.most_connections:
            # What gunicorn does when a connection ends is not to be done for this one.
            self._closed = self._conn_lost_handled = True
            count_ended("refused")
            transport.write(_FULL)
            transport.close()
            return
        super().connection_made(transport)
        # Not known any more once the connection is reset; "" of a Unix socket.
        self._address = str((transport.get_extra_info("peername") or ("",))[0])
        worker.connections.add(self)
        self._since_s = worker.loop.time()
        self._timer = worker.loop.call_later(self._patience.head_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; a reset is counted, and no fault of ours."""
        self.worker.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if exc is not None:
            count_ended("reset")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        super().pause_writing()
        self._is_unread = True
        self._pause_reading()

    def resume_writing(self) -> None:
        """Go on with what the client had sent meanwhile."""
        super().resume_writing()
        self._is_unread = False
        if self._is_held_back or self._is_owed:
            return
        if self._is_halted:
            self.worker.loop.call_soon(self._go_on)
        else:
            self._resume_reading()

    def end_if_quiet(self, quiet_s: float) -> None:
        """Close a connection without a request that has been idle for so long."""
        if (
            self._stage in {Stage.SILENT, Stage.IDLE}
            and self.worker.loop.time() - self._since_s >= quiet_s
        ):
            self._end()

    async def _handle_connection(self) -> None:
        # Of a connection that was reset meanwhile, the addresses are not known any
        # more: gunicorn would write a traceback for each.
        if not (self._closed or self.transport.is_closing()):
            await super()._handle_connection()

    def _arm_keepalive_timer(self) -> None:
        """Begin to be idle: gunicorn calls this when it waits for the next request."""
        if self._stage is Stage.ANSWER:
            self._enter(Stage.IDLE)
        if self._is_behind:
            self._go_on()

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
        if self._is_halted or self._callback_parser.is_complete:
            self._hold(data)
            return True
        if self._is_behind:
            data = self._with_held(data)
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
                if self._is_unread or self._is_held_back or self._is_owed:
                    break
            else:
                data = self._behind(data)
            if not data:
                return True
        self._halt(data)
        return True

    def _behind(self, data: bytes) -> bytes:
        """Return what may be parsed behind a piece that ended no hot request."""
        if not data:
            self._note_what_is_missing()
        elif self._callback_parser.is_complete:
            self._stage = Stage.ANSWER
            self._hold(data)
            return b""
        return data

    def _with_held(self, data: bytes) -> bytes:
        """Return what gunicorn's parser had kept, with what was held behind it."""
        data += self._waiting
        self._is_behind, self._waiting = False, b""
        self._resume_reading()
        return data

    def _hold(self, data: bytes) -> None:
        """Keep what came behind a request that is halted or answered gunicorn's way.

        Of what it is given, the parser would keep 64 kB, and gunicorn then close the
        connection.
        """
        self._is_behind = not self._is_halted
        self._waiting += data
        self._pause_reading()

    def _note_what_is_missing(self) -> None:
        """Keep in mind for which part of a request the client is waited for."""
        if self._callback_parser.is_complete:
            self._stage = Stage.ANSWER
            return
        read_head = self._hot is not None or self._current_request is not None
        stage = Stage.BODY if read_head else Stage.HEAD
        if stage is not self._stage:
            self._enter(stage)

    def _enter(self, stage: Stage) -> None:
        self._stage = stage
        self._since_s = self.worker.loop.time()

    def _answer(self) -> bool:
        """Answer the hot request that was read; return whether more may come."""
        hot, sent, body = self._hot, self._sent, self._body
        self._hot, self._body, self._is_whole = None, b"", False
        if hot is None or sent is None:
            return False
        worker = self.worker
        shedding = worker.shedding
        if not shedding.is_in_turn:
            # What is called soon is called when all that could be read was read.
            worker.loop.call_soon(shedding.end_turn)
        now_s = time.monotonic()
        is_stale, self._stale_until_s = now_s < self._stale_until_s, 0.0
        if shedding.is_due(now_s) or is_stale:
            # Callers that come again at once would cost more than they get.
            self._is_held_back = not is_stale
            reply = self._routes.refuse(hot, sent)
        elif self._acknowledgements is None:
            reply = self._routes.answer(hot, sent, body, self._address)
        else:
            work = partial(self._routes.answer, hot, sent, body, self._address)
            reply, owed = self._acknowledgements.watched(work)
            if owed is not None:
                self._await(owed, hot, sent, reply)
                return True
        return self._write(reply, sent)

    def _await(self, owed: Owed, hot: Hot, sent: PlainHeaders, reply: Reply) -> None:
        """Answer when the stream has acknowledged; read nothing until then."""
        keep = self._callback_parser.should_keep_alive

        def settled(is_acknowledged: bool) -> None:  # noqa: FBT001 - a callback
            self._is_owed = False
            if self._closed:
                return
            answer = reply if is_acknowledged else self._routes.late(hot, sent)
            if self._write(answer, sent, keep=keep) and not self._is_unread:
                self._go_on()

        self._is_owed = True
        self._stage = Stage.ANSWER
        if self._acknowledgements is not None:
            self._acknowledgements.when_settled(owed, settled)

    def _write(
        self, reply: Reply, sent: PlainHeaders, *, keep: bool | None = None
    ) -> bool:
        """Write an answer; return whether more may come."""
        if keep is None:
            keep = self._callback_parser.should_keep_alive
        keep = keep and self.worker.alive
        date: bytes = gunicorn_protocol._get_cached_date_header()  # noqa: SLF001
        self.transport.write(written(reply, sent, date if keep else date + _CLOSE))
        self._enter(Stage.IDLE)
        if not keep:
            self._end()
        return bool(keep)

    def _halt(self, data: bytes) -> None:
        """Parse no more in this turn of the loop, or until the client reads."""
        self._is_halted = True
        self._waiting = data
        self._pause_reading()
        loop = self.worker.loop
        if self._is_owed:
            return
        if self._is_held_back:
            loop.call_later(HOLD_BACK_S, self._let_in)
        elif not self._is_unread:
            loop.call_soon(self._go_on)

    def _let_in(self) -> None:
        """Read again from a client that was held back."""
        self._is_held_back = False
        self._stale_until_s = time.monotonic() + STALE_S
        if not self._is_unread:
            self._go_on()

    def _go_on(self) -> None:
        self._is_halted = self._is_behind = False
        data, self._waiting = self._waiting, b""
        if self._closed:
            return
        self._resume_reading()
        if data:
            self._feed_callback_parser(data)

    def _look(self) -> None:
        """End a client that takes too long; else look again when it could be one."""
        if self._closed:
            return
        loop = self.worker.loop
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._unread_bytes:
            # To close would wait for what the client never reads.
            count_ended("unread")
            self.transport.abort()
            return
        self._unread_bytes = unread
        left_s = self._patience.left_s(self._stage, loop.time() - self._since_s)
        if unread or left_s > 0:
            pause_s = self._patience.body_s if unread else left_s
            self._timer = loop.call_later(pause_s, self._look)
            return
        count_ended("idle" if self._stage is Stage.IDLE else "late")
        if self._stage in {Stage.HEAD, Stage.BODY}:
            self._send_error_response(408, "Request Timeout")
        self._end()

    def _send_error_response(
        self,
        status: int,
        _message: str,
        extra_headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answer what is no readable request with a problem, like every other error."""
        reply = unread_reply(status)
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"Content-Type: {reply.mimetype}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in extra_headers),
            "Connection: close",
        ]
        head = "\r\n".join(lines) + "\r\n\r\n"
        self._safe_write(head.encode("latin-1") + reply.body)

    def _end(self) -> None:
        self._close_transport()
        # The task of gunicorn's own way waits for a request.
        self._request_ready.set()


def use_c_parser() -> None:
    """Make the connections of this process use the parser that is written in C.

    Gunicorn stores what it knows of that parser at the class that asks first, and reads
    part of it from its own class: asked by a subclass, it would fall back to Python.
    """
    checked: Any = ASGIProtocol
    checked._check_h1c_protocol_available()  # noqa: SLF001
