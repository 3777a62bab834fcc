"""A small HTTP server on loopback whose answers a test decides.

Owns the JSON and the thread of a server; what it answers is a function of the test.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as the server read it."""

    method: str
    path: str
    body: Any
    headers: Mapping[str, str]
    connection: tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """An answer; bytes are sent as they are, anything else as JSON."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang_up: bool = False
    """Close the connection after the answer."""
    silent: bool = False
    """Hold the request without an answer."""

    @property
    def content(self) -> bytes:
        """The bytes to send."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@contextmanager
def json_server(
    answer: Callable[[Asked], Answer | None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve until the end of the block; yield the address.

    Args:
        answer: called in the thread of a connection; None closes it without a word.
        tls: of the server; None for HTTP.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(answer))
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(
    answer: Callable[[Asked], Answer | None],
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # One write an answer: two would wait for each other's acknowledgement.
        wbufsize = -1

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Stay silent."""

        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = answer(
                Asked(
                    self.command,
                    self.path,
                    json.loads(data) if data else None,
                    dict(self.headers),
                    self.client_address,
                )
            )
            if found is None:
                self.close_connection = True
                return
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)
            self.close_connection = self.close_connection or found.hang_up

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - names of http.server

    return Handler
