"""A client that sends bytes as they are, and reads what comes.

Owns `RawClient`, and the requests that tests send with it.
"""

import contextlib
import json
import socket
from collections.abc import Iterator

from tests.harness.waiting import GENEROUS_S

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class RawClient:
    """One connection."""

    def __init__(self, port: int, read_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if read_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
        self.socket.settimeout(GENEROUS_S)
        self.socket.connect(("127.0.0.1", port))
        self._read = b""

    def send(self, data: bytes) -> None:
        """Send all; what a peer that has closed would have got is lost."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def answer(self) -> tuple[str, dict[str, str], bytes]:
        """Return the next answer: status line, headers by name in lower case, body.

        Raises:
            EOFError: the connection was closed instead.
        """
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return status, headers, body

    def statuses(self, count: int) -> list[int]:
        """Return the statuses of so many answers."""
        return [int(self.answer()[0].split()[1]) for _ in range(count)]

    def rest(self) -> bytes:
        """Return what comes until the connection is closed."""
        with contextlib.suppress(EOFError):
            while True:
                self._more()
        return self._read

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _more(self) -> None:
        try:
            got = self.socket.recv(65_536)
        except ConnectionResetError:
            got = b""
        if not got:
            raise EOFError
        self._read += got


@contextlib.contextmanager
def connected(port: int, read_buffer: int | None = None) -> Iterator[RawClient]:
    """Connect for a block."""
    client = RawClient(port, read_buffer)
    try:
        yield client
    finally:
        client.close()


class Requests:
    """Requests of one key, as bytes."""

    def __init__(self, key: str) -> None:
        self.auth = f"Authorization: Bearer {key}\r\n".encode()
        self.body = json.dumps({"experiment": "hero", "unit_id": "u"}).encode()
        self.hot = self.post(self.body)
        self.to_flask = self.post(self.body, target=b"/v1/decisions?x=1")
        again = {"experiment": "hero", "request_id": "r"}
        self.on_disk = self.post(json.dumps(again).encode())
        many = {"decisions": [{"experiment": "hero"}] * 300}
        self.batch = self.post(json.dumps(many).encode(), target=b"/v1/decisions/batch")
        long = {"experiment": "hero", "context": {"a": "x" * 250, "b": "y" * 250}}
        longer = {"decisions": [long] * 300}
        self.large = self.post(
            json.dumps(longer).encode(), target=b"/v1/decisions/batch"
        )

    def head(self, *lines: bytes, target: bytes = b"/v1/decisions") -> bytes:
        """Return a request's head with these lines."""
        own = b"".join(line + b"\r\n" for line in lines)
        start = b"POST %b HTTP/1.1\r\nHost: x\r\n" % target
        return start + self.auth + own + b"\r\n"

    def post(
        self, body: bytes, *lines: bytes, target: bytes = b"/v1/decisions"
    ) -> bytes:
        """Return a request with a body and its length."""
        length = b"Content-Length: %d" % len(body)
        return self.head(length, *lines, target=target) + body
