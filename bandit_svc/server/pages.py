"""Hands what computes for long to a process of its own.

Owns which requests go there, and the life of that process: it is started by the first
of them, started anew after it has died, has grown or has hung, and ends with its
worker. Beside a thread that computes, the decisions of a worker would have to wait for
the interpreter's lock; beside another process, they don't.
"""

import asyncio
import contextlib
import itertools
import logging
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, RequestRedirect

from bandit_svc.errors import Unavailable
from bandit_svc.metrics import forget_process
from bandit_svc.server import page_process
from bandit_svc.server.page_process import LENGTH, Answered, Asked, framed
from bandit_svc.server.wsgi_requests import Answer

AT_ONCE: Final = 2
"""Requests that are computed at a time, so that a slow one does not stop the others."""
MOST_WAITING: Final = 50
MOST_WAIT_S: Final = 20.0
"""Of a request for its turn."""
MOST_RUN_S: Final = 60.0
"""Of its computation, the start of the process included."""
MOST_BYTES: Final = 768 * 2**20
"""A process that holds more memory after an answer is replaced."""
_END_S: Final = 5.0
_ROOMS: Final = ("pages.", "reports.", "evaluations.")
_ENDPOINTS: Final = frozenset({"ops.show_metrics"})
_FILES: Final = "pages.static"
_SENT: Final = (
    *("method", "path", "raw_path", "query_string", "http_version", "scheme"),
    *("server", "client", "headers"),
)

_log = logging.getLogger(__name__)


def computes(routes: Map, method: str, path: str) -> bool:
    """Return whether a request is for a route whose answer is computed."""
    try:
        endpoint, _ = routes.bind("localhost").match(path, method)
    except (HTTPException, RequestRedirect):
        return False
    name = str(endpoint)
    return name in _ENDPOINTS or (name.startswith(_ROOMS) and name != _FILES)


class Pages:
    """The process of one worker. For one loop.

    Args:
        environment: of the process, with the settings of the service.
        most_run_s: a request that is computed for longer ends the process.
        most_bytes: a process that holds more memory is replaced.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        most_run_s: float = MOST_RUN_S,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._environment = environment
        self._most_run_s = most_run_s
        self._most_bytes = most_bytes
        self._held = 0
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._child: _Child | None = None
        self._leaving: set[_Child] = set()

    @property
    def pid(self) -> int | None:
        """Id of the process; None while there is none."""
        return None if self._child is None else self._child.process.pid

    async def answer(self, scope: Mapping[str, Any], body: bytes) -> Answer:
        """Return the answer to a request.

        Raises:
            Unavailable: too much waits already, this waited or took too long, or the
                process died.
        """
        if self._held >= AT_ONCE + MOST_WAITING:
            raise _unavailable(f"{self._held} requests for reports and pages wait")
        self._held += 1
        # A caller that hangs up does not stop what is computed for it, which holds
        # its turn to the end.
        work = asyncio.ensure_future(self._answer(scope, body))
        work.add_done_callback(self._let_go)
        return await asyncio.shield(work)

    def close(self) -> None:
        """End the process; idempotent."""
        children = [*self._leaving, *([self._child] if self._child else [])]
        self._child = None
        for child in children:
            child.let_go()
            child.reap()

    def _let_go(self, work: "asyncio.Future[Answer]") -> None:
        self._held -= 1
        if not work.cancelled():
            # Nobody else asks, where the caller has hung up.
            work.exception()

    async def _answer(self, scope: Mapping[str, Any], body: bytes) -> Answer:
        try:
            await asyncio.wait_for(self._turns.acquire(), MOST_WAIT_S)
        except TimeoutError:
            raise _unavailable(
                f"a request for a report or a page waited {MOST_WAIT_S:.0f} s"
            ) from None
        try:
            async with self._starting:
                child = self._child
                if child is None or child.is_dead:
                    child = self._child = await _started(self._environment)
            plain = {name: scope[name] for name in _SENT if scope.get(name) is not None}
            asked = Asked(next(self._numbers), plain, body)
            return await self._ask(child, asked)
        finally:
            self._turns.release()

    async def _ask(self, child: "_Child", asked: Asked) -> Answer:
        try:
            answered = await asyncio.wait_for(child.ask(asked), self._most_run_s)
        except TimeoutError:
            _log.error(
                "a report or a page took more than %.0f s; its process is ended",
                self._most_run_s,
            )
            child.kill()
            raise _unavailable(
                f"a report or a page took more than {self._most_run_s:.0f} s"
            ) from None
        if answered.resident_bytes > self._most_bytes and child is self._child:
            self._child = None
            self._leaving.add(child)
        if child in self._leaving and not child.waiting:
            self._leaving.discard(child)
            child.let_go()
        return Answer(answered.status, answered.headers, answered.body)


class _Child(asyncio.Protocol):
    """One process, and what it was asked."""

    def __init__(self, process: "subprocess.Popen[bytes]", ours: socket.socket) -> None:
        self.process = process
        self._socket = ours
        self._is_let_go = False
        self.is_dead = False
        self.waiting: dict[int, asyncio.Future[Answered]] = {}
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._decode = msgspec.msgpack.Decoder(Answered).decode

    def connection_made(self, transport: asyncio.WriteTransport) -> None:  # type: ignore[override] # a stream's
        """Begin."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand on each answer that is whole."""
        received = self._received
        received += data
        while len(received) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(received)[0]
            if len(received) < end:
                return
            answered = self._decode(received[LENGTH.size : end])
            del received[:end]
            future = self.waiting.pop(answered.number, None)
            if future is not None and not future.done():
                future.set_result(answered)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Refuse what it has not answered, and see to its end."""
        self.is_dead = True
        waiting, self.waiting = self.waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(
                    _unavailable("the process of reports and pages has ended")
                )
        if not self._is_let_go:
            _log.warning(
                "the process %d of reports and pages has ended; the next request "
                "starts another one",
                self.process.pid,
            )
            self.process.kill()
        asyncio.get_running_loop().run_in_executor(None, self.reap)

    async def ask(self, asked: Asked) -> Answered:
        """Return the answer to a request."""
        future = asyncio.get_running_loop().create_future()
        self.waiting[asked.number] = future
        if self._transport is not None:
            self._transport.write(framed(asked))
        try:
            answered: Answered = await future
        finally:
            self.waiting.pop(asked.number, None)
        return answered

    def kill(self) -> None:
        """End it at once."""
        self.is_dead = True
        self.process.kill()

    def let_go(self) -> None:
        """Let it end by itself, as it does when nobody can ask any more."""
        self._is_let_go = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def reap(self) -> None:
        """Wait for its end, and kill it where it does not come."""
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        forget_process(self.process.pid)


async def _started(environment: Mapping[str, str]) -> _Child:
    """Start a process.

    Raises:
        Unavailable: the system refuses another process.
    """
    ours, its = socket.socketpair()
    descriptor = its.fileno()
    command = (sys.executable, "-m", page_process.__name__, str(descriptor))
    with its:
        try:
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - takes a millisecond; our own module
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[descriptor],
                env=environment,
            )
        except OSError as error:
            ours.close()
            raise _unavailable(
                f"no process for reports and pages can be started ({error.strerror})"
            ) from error
    ours.setblocking(False)  # noqa: FBT003 - takes no name
    child = _Child(process, ours)
    await asyncio.get_running_loop().create_connection(lambda: child, sock=ours)
    return child


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"{what}; send it again later")
