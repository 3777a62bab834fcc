"""A connection to a NATS server, for one thread that may wait.

Owns the socket: finding a server that answers, sending, waiting and giving up. A lost
connection is an error of the call that meets it; `open` then finds another server.
"""

import contextlib
import secrets
import socket
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from bandit_svc.domain.events.packing import Malformed
from bandit_svc.errors import Unavailable
from bandit_svc.eventlog.stream.address import Server, StreamAddress
from bandit_svc.eventlog.stream.nats import protocol
from bandit_svc.eventlog.stream.nats.protocol import (
    Asked,
    Info,
    Lives,
    Message,
    Parser,
    Refusal,
)

CONNECT_S: Final = 2.0
"""Seconds in which a server must answer at the start of a connection."""
_CHUNK_BYTES: Final = 262_144
_INBOX: Final = 1


class Connection:
    """One server at a time of those of an address. Opens nothing before `open`."""

    def __init__(self, address: StreamAddress, name: str) -> None:
        """Describe the connection.

        Args:
            address: of the stream.
            name: of this client, for the server's monitoring.
        """
        self._address = address
        self._name = name
        self._socket: socket.socket | None = None
        self._parser = Parser()
        self._arrived: deque[Message] = deque()
        self._inbox = ""
        self._asked = 0
        self._subscriptions = _INBOX
        self._last = 0
        self._lives = False

    @property
    def is_open(self) -> bool:
        """True until a call has met a lost connection."""
        return self._socket is not None

    def open(self) -> None:
        """Connect to a server, the one after the last first; nothing if it is open.

        Raises:
            Unavailable: none of them answers.
        """
        if self._socket is not None:
            return
        servers = self._address.servers
        reasons = []
        for turn in range(len(servers)):
            at = (self._last + turn) % len(servers)
            try:
                self._open(servers[at])
            except (OSError, Malformed, Unavailable) as error:
                self.close()
                reasons.append(f"{servers[at].host}:{servers[at].port}: {error}")
            else:
                # A server that ends is the last to be asked again.
                self._last = at + 1
                return
        raise Unavailable(
            f"no server of the stream answers ({'; '.join(reasons)}); see that "
            "nats-server runs, and what BANDIT_STREAM says"
        )

    def close(self) -> None:
        """Let go of the socket; idempotent."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None

    def subscribe(self, subject: str) -> int:
        """Begin to receive what is published; return the subscription's number."""
        self._subscriptions += 1
        self.send(protocol.subscribe(subject, self._subscriptions))
        return self._subscriptions

    def unsubscribe(self, number: int) -> None:
        """End a subscription; what is under way still arrives."""
        self.send(protocol.unsubscribe(number))

    def new_inbox(self) -> str:
        """Return a subject of this connection's own, for one answer or many."""
        self._asked += 1
        return f"{self._inbox}.{self._asked}"

    def send(self, data: bytes) -> None:
        """Send words of the protocol.

        Raises:
            Unavailable: the connection is lost.
        """
        if self._socket is None:
            raise _lost("it is not open")
        try:
            self._socket.settimeout(CONNECT_S)
            self._socket.sendall(data)
        except OSError as error:
            self.close()
            raise _lost(str(error)) from error

    def receive(self, timeout_s: float) -> list[Message]:
        """Return what has arrived, waiting for the first; [] at the end of the time.

        Raises:
            Unavailable: the connection is lost.
        """
        deadline_s = time.monotonic() + timeout_s
        # What comes first may be a part of a message, or a question of the server.
        self._read(0.0 if self._arrived else timeout_s)
        while not self._arrived and (left_s := deadline_s - time.monotonic()) > 0:
            self._read(left_s)
        arrived = list(self._arrived)
        self._arrived.clear()
        return arrived

    def request(
        self,
        subject: str,
        data: bytes = b"",
        timeout_s: float = CONNECT_S,
        headers: tuple[str, ...] = (),
    ) -> Message:
        """Publish and return the answer; what else arrives is kept for `receive`.

        Raises:
            Unavailable: the connection is lost, nobody listens, or no answer came in
                time.
        """
        reply = self.new_inbox()
        self.send(protocol.publish(subject, data, reply, headers))
        deadline_s = time.monotonic() + timeout_s
        others: list[Message] = []
        try:
            while (left_s := deadline_s - time.monotonic()) > 0:
                arrived = self.receive(left_s)
                others += [one for one in arrived if one.subject != reply]
                for message in (one for one in arrived if one.subject == reply):
                    if message.status == protocol.NO_RESPONDERS:
                        raise Unavailable(
                            f"nobody answers to {subject}; a stream is missing, has "
                            "no leader now, or the server runs without JetStream"
                        )
                    return message
        finally:
            self._arrived.extendleft(reversed(others))
        raise Unavailable(f"no answer to {subject} within {timeout_s:g} s")

    def _open(self, server: Server) -> None:
        self._parser = Parser()
        self._arrived.clear()
        connected = socket.create_connection(server, CONNECT_S)
        self._socket = connected
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        info = self._await_info(connected)
        if self._address.tls or info.tls_required:
            context = ssl.create_default_context()
            self._socket = context.wrap_socket(connected, server_hostname=server.host)
        self._inbox = f"_INBOX.{secrets.token_hex(12)}"
        login = self._address.user, self._address.password
        self.send(
            protocol.connect(self._name, *login)
            + protocol.subscribe(f"{self._inbox}.*", _INBOX)
            + protocol.PING
        )
        self._lives = False
        deadline_s = time.monotonic() + CONNECT_S
        while not self._lives:
            if time.monotonic() >= deadline_s:
                raise Unavailable(f"no answer within {CONNECT_S:g} s")
            self._read(CONNECT_S)

    def _await_info(self, connected: socket.socket) -> Info:
        """Return what the server says first."""
        while True:
            data = connected.recv(_CHUNK_BYTES)
            if not data:
                raise Unavailable("it closed the connection")
            for received in self._parser.feed(data):
                if isinstance(received, Info):
                    return received

    def _read(self, timeout_s: float) -> None:
        """Take in what has come, waiting for it at most so long."""
        if self._socket is None:
            raise _lost("it is not open")
        try:
            # 0 would mean never to wait, even for a part of TLS.
            self._socket.settimeout(max(timeout_s, 1e-6))
            data = self._socket.recv(_CHUNK_BYTES)
            if not data:
                raise ConnectionError("the server closed it")
            self._take(self._parser.feed(data))
        except TimeoutError:
            return
        except (OSError, Malformed) as error:
            self.close()
            raise _lost(str(error)) from error

    def _take(self, received: Sequence[protocol.Received]) -> None:
        for one in received:
            match one:
                case Message():
                    self._arrived.append(one)
                case Asked():
                    self.send(protocol.PONG)
                case Lives():
                    self._lives = True
                case Refusal():
                    raise ConnectionError(one.reason)
                case Info():
                    pass


def _lost(why: str) -> Unavailable:
    return Unavailable(f"the connection to the stream is lost: {why}")
