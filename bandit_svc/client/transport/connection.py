"""Kept connections of one process, each call within its deadline.

Owns sockets: connecting, TLS, sending, reading, keeping for the next call, the one
repetition after a connection that the service closed while it was idle. Knows no route
and no JSON.
"""

import socket
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Final, Self

from .address import Address
from .deadline import Deadline
from .names import Names, Place
from .response import ClosedEarlyError, Response, ResponseReader

MOST_KEPT: Final = 64
PIECE: Final = 65_536
CLOSED_WHILE_IDLE: Final = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
)


def was_closed_while_idle(error: OSError) -> bool:
    """Return whether a kept connection failed as one does that was closed meanwhile."""
    if isinstance(error, ClosedEarlyError):
        return error.unanswered
    return isinstance(error, CLOSED_WHILE_IDLE)


class Connection:
    """One open connection; one call at a time uses it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def __del__(self) -> None:
        # A client that is dropped without `close` leaves nothing to warn of.
        self._sock.close()

    @classmethod
    def open(
        cls, address: Address, places: Sequence[Place], deadline: Deadline
    ) -> Self:
        """Connect to the first place that answers.

        A place that is silent leaves an even share of the time to those after it.

        Raises:
            OSError: none answered; TimeoutError if the time is over.
        """
        for n, place in enumerate(places):
            last = n + 1 == len(places)
            try:
                share_s = deadline.left_s() / (len(places) - n)
                return cls(_connect(address, place, share_s, deadline))
            except OSError:
                if last:
                    raise
        raise OSError(f"{address.host} has no address")

    def exchange(self, request: bytes, deadline: Deadline) -> Response:
        """Send a request and return its answer.

        Raises:
            OSError: the connection broke; TimeoutError if the time is over.
            BadResponseError: what came is no answer.
        """
        sock, left = self._sock, memoryview(request)
        while left:
            sock.settimeout(deadline.left_s())
            left = left[sock.send(left) :]
        reader = ResponseReader()
        while True:
            sock.settimeout(deadline.left_s())
            answer = reader.feed(sock.recv(PIECE))
            if answer is not None:
                return answer

    def close(self) -> None:
        """Close it, without a word to the other side."""
        self._sock.close()


def _connect(
    address: Address, place: Place, share_s: float, deadline: Deadline
) -> socket.socket:
    sock = socket.socket(place.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(share_s)
        sock.connect((place.host, place.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls is None:
            return sock
        secure = address.tls.wrap_socket(
            sock, server_hostname=address.host, do_handshake_on_connect=False
        )
    except BaseException:
        sock.close()
        raise
    return _shake_hands(secure, deadline)


def _shake_hands(secure: ssl.SSLSocket, deadline: Deadline) -> ssl.SSLSocket:
    try:
        secure.settimeout(deadline.left_s())
        secure.do_handshake()
    except BaseException:
        secure.close()
        raise
    return secure


class Connections:
    """The connections of one process to one service; safe to use from many threads."""

    def __init__(self, address: Address, names: Names) -> None:
        self._address = address
        self._names = names
        # Appending and popping are atomic; the latest one used is used next.
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()

    def exchange(
        self, request: bytes, deadline: Deadline, *, repeatable: bool = True
    ) -> Response:
        """Send a request and return its answer.

        Args:
            request: its bytes.
            deadline: of the whole call.
            repeatable: whether sending it twice does no harm; then a kept connection
                that turns out to be closed is replaced, once. Other requests get a
                connection of their own.

        Raises:
            OSError: no connection, or it broke; TimeoutError if the time is over.
            BadResponseError: what came is no answer.
        """
        kept = self._take() if repeatable else None
        if kept is not None:
            try:
                return self._use(kept, request, deadline)
            except OSError as error:
                if not was_closed_while_idle(error):
                    raise
                # The others have been idle for longer.
                self.close()
        places = self._names.places(deadline)
        opened = Connection.open(self._address, places, deadline)
        self._open.add(opened)
        return self._use(opened, request, deadline)

    def close(self) -> None:
        """Close the connections that no call uses; the next call opens another."""
        while (idle := self._take()) is not None:
            self._end(idle)

    def abandon(self) -> None:
        """Close a forked process's copies; its parent keeps the connections."""
        for connection in list(self._open):
            self._end(connection)
        self._idle.clear()

    def _take(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _use(
        self, connection: Connection, request: bytes, deadline: Deadline
    ) -> Response:
        try:
            answer = connection.exchange(request, deadline)
        except BaseException:
            # A late answer on this socket would be taken for the next request's.
            self._end(connection)
            raise
        if answer.keeps and len(self._idle) < MOST_KEPT:
            self._idle.append(connection)
        else:
            self._end(connection)
        return answer

    def _end(self, connection: Connection) -> None:
        self._open.discard(connection)
        connection.close()
