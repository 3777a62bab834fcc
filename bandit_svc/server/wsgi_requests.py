"""Requests of ASGI on their way through a WSGI application.

Owns the translation of both directions: the environ of a request, and the whole answer.
"""

import io
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

RawHeaders = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """An answer as ASGI sends it."""

    status: int
    headers: RawHeaders
    body: bytes


def environ_of(scope: Mapping[str, Any], body: bytes) -> "WSGIEnvironment":
    """Return a request as WSGI hands it on, its whole body included."""
    raw_path = scope.get("raw_path") or scope["path"].encode()
    host, port = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path.split(b"?", 1)[0]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in {"CONTENT_LENGTH", "CONTENT_TYPE"}:
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def call(application: "WSGIApplication", environ: "WSGIEnvironment") -> Answer:
    """Return the whole answer of a WSGI application."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Callable[[bytes], object]:
        started[:] = [(status, headers)]
        return written.append

    chunks = application(environ, start)
    try:
        written += chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[0]
    return Answer(int(status.split(" ", 1)[0]), encoded(headers), b"".join(written))


def encoded(headers: list[tuple[str, str]]) -> RawHeaders:
    """Return headers as ASGI wants them."""
    return [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]
