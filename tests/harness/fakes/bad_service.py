"""A service that is broken in one of the ways in which a service breaks.

Owns `BadService`. Every answer allows pages of any origin to read it, so that it is the
caller that has to cope, and not the browser that refuses.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Literal

from tests.harness.waiting import GENEROUS_S

Fault = Literal["drips", "silent", "fails", "garbage", "no_decision", "hangs_up"]
FAULTS: Final[tuple[Fault, ...]] = (
    *("drips", "silent", "fails", "garbage", "no_decision", "hangs_up"),
)
_ALLOWED: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
}
_DRIP_S: Final = 0.1
_BODIES: Final[dict[Fault, tuple[int, bytes]]] = {
    "fails": (500, b'{"status": 500, "detail": "the disk is gone"}'),
    "garbage": (201, b"<!doctype html><title>Welcome to our network</title>"),
    "no_decision": (201, b'{"decision_id": null, "variant": {"a": 1}}'),
}


class BadService:
    """Answers POST by its fault, and GET too where it has no module to give.

    Attributes:
        asked: the paths of the requests that it has read.
        released: ends what would drip or be silent for ever.
    """

    def __init__(self, fault: Fault, module: Path | None) -> None:
        self.fault: Fault = fault
        self.asked: list[str] = []
        self.released = threading.Event()
        self.url = ""
        self._module = module

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked.append(handler.path)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        if handler.command == "OPTIONS":
            _send(handler, 204, b"")
        elif handler.command == "GET" and self._module is not None:
            _send(handler, 200, self._module.read_bytes(), "text/javascript")
        elif self.fault == "drips":
            self._drip(handler)
        elif self.fault == "silent":
            self.released.wait(GENEROUS_S)
        elif self.fault != "hangs_up":
            _send(handler, *_BODIES[self.fault])

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a body whose end does not come, byte by byte."""
        _begin(handler, 201, 10**6, "application/json")
        while not self.released.wait(_DRIP_S):
            handler.wfile.write(b" ")
            handler.wfile.flush()


@contextmanager
def bad_service(fault: Fault, module: Path | None = None) -> Iterator[BadService]:
    """Serve until the end of the block.

    Args:
        fault: what is wrong.
        module: the file that is the answer to each GET; None for no good one.
    """
    service = BadService(fault, module)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Stay silent."""

        def handle_any(self) -> None:
            try:
                service.answer(self)
            except OSError:
                # The caller has given up.
                self.close_connection = True

        do_GET = do_POST = do_OPTIONS = handle_any  # noqa: N815 - names of http.server

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        service.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _begin(
    handler: BaseHTTPRequestHandler, status: int, length: int, media_type: str
) -> None:
    handler.send_response(status)
    for name, value in _ALLOWED.items():
        handler.send_header(name, value)
    handler.send_header("Content-Type", media_type)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    media_type: str = "application/json",
) -> None:
    _begin(handler, status, len(body), media_type)
    handler.wfile.write(body)
